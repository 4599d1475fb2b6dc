"""The commands of the detections service, from what was asked to what is recorded."""
