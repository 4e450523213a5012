/* Telling whoever started the service how it stands: systemd's notification protocol (sd_notify(3)), without its library. */
#pragma once

enum standing { STANDING_READY, STANDING_RELOADING, STANDING_STOPPING };

/* Does nothing where nobody listens. */
void supervisor_tell(enum standing standing);
