"""How long anything waits for the store: everybody is answered before a sender gives up."""

from __future__ import annotations

# Nobody waits longer for the store to begin with what was asked of it; then 503.
STORE_WAIT_S = 3.5
# A thread that has not come back so long after that is not waited for.
GIVE_UP_S = 0.75
# `/health` tries for so long and then says what it met; a store that is silent for longer is not there.
HEALTH_TRY_S = 1.5
HEALTH_WAIT_S = 2.5
# On SQLite a statement waits so long for a lock of another process; then its thread does what else there is,
# and whoever still has time is tried again. On PostgreSQL it waits as long as there is time.
LOCK_TRY_MS = 500
# A start waits longer: another process may be migrating.
START_LOCK_WAIT_MS = 5000
