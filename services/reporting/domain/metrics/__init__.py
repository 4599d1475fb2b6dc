"""The metric families, one module each: functions of a chronicle that make the figures of one section of a report."""
