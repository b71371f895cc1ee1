"""What operators do when something went wrong: dead letters, rebuilding a projection, refilling the broker.

It promises that nothing is done to many letters unseen (dry run, then a question), and that services which do not
answer are named. Its face: the commands `deadletters` (`dead_letter_commands`) and `events` (`event_commands`). Each
has its module here, which asks the services over HTTP; what is done there, the chassis does. Begin with
`find_letters`.
"""
