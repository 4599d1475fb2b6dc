"""The reference actuator: stands in for a customer's EDR, identity provider and firewall, and says so loudly.

It is a process of its own with durable state that can fail. It takes OpenC2 commands by signed webhook (Standard
Webhooks), carries each command identifier out once, answers queries about them, and shows its state by another path
with a credential of its own. A control endpoint lets tests and the demonstration make it refuse, fail, hang or lie.
"""
