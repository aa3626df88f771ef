"""Whoever is told of builds without looking: chats, webhooks, commits.

A channel (chef.outbox.channel) knows the words of one kind of target. What is told when, again and for the
last time is the same for all.
"""
