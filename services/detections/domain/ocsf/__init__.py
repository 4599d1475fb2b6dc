"""Records as events of the Open Cybersecurity Schema Framework, release OCSF_VERSION (schema.ocsf.io).

`to_ocsf` is pure: a record in, one event out, with every attribute that its class requires. What no class fits is a
base event (class 0), and so is an event that was OCSF already: its own attributes, like all records' fields, stay whole
under `unmapped`.
"""

from services.detections.domain.ocsf.events import to_ocsf
from services.detections.domain.ocsf.schema import OCSF_VERSION, REQUIRED, ClassUid

__all__ = ["OCSF_VERSION", "REQUIRED", "ClassUid", "to_ocsf"]
