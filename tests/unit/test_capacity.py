"""How much a machine can do, and how long mod_wsgi lets a request go on."""

import math

import pytest

from flask_modwsgi.machine import capacity


@pytest.mark.parametrize("threads", [1, 2, 5, 16, 512])
def test_a_stuck_request_ends_soon_after_the_limit_and_not_before(threads: int) -> None:
    for limit in range(5, 3601):
        late = capacity.effective_limit(limit, threads) - limit
        assert -1e-6 < late < 1 + math.log(threads)
