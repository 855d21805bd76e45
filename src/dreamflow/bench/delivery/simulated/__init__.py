"""Delivery in simulated time: the real store, worker, client and emulator, and a clock that nobody has to wait for.

Time stands still while anything real is under way: a query in a thread, a request on a socket. It jumps when everybody
sleeps. So half an hour takes as long as the work in it, and what is measured depends on the limits and on the order of
things, not on the machine. What the work takes is told beside it.
"""
