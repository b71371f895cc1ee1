"""Who does what by when: the action plan, the rules that open tasks, and a task's life."""
