"""The commands of the command line: functions that add their options, and functions that run them."""
