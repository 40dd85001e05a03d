"""The sample service with a known slow-down: `uvicorn benchmarks.campaign.slowed:app`.

`CAMPAIGN_SLOWER_BY=0.1` makes each answer take a tenth longer than the service needs for it. The
process computes during this time, as slower code would. It does not sleep, because the event loop
rounds a sleep up to a millisecond, which is more than a tenth of an answer here.
"""

from __future__ import annotations

import os

from benchmarks.campaign.slow_down import Slowed
from sample_app.main import app as as_it_is

SLOWER_BY = float(os.environ.get("CAMPAIGN_SLOWER_BY", "0"))

app = Slowed(as_it_is, SLOWER_BY)
