"""The network on this machine as whoever runs it sees it: `up`, `down`, `status`, `logs`, `link`.

Each command has its module, but for `link` (`sign_in_links`). Its face for the other rooms is `client`: the running
network, found by its data folder, whose services can be asked as its operator. It promises that somebody who reads
an error is told what to type next (`hints`). The processes themselves are in `ssenet.processes`. Begin with `up`.
"""
