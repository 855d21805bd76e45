"""What a run of the bench of delivery finds when nothing is wrong."""

from dreamflow.bench.delivery.ledger import Found
from dreamflow.outbox import Books

RIGHT = Found(
    lost=0,
    doubled=0,
    disorder=0,
    resent=0,
    ambiguous=1,
    deferred=1,
    unpromised=0,
    events=30,
    single=10,
    updates=3,
    requests=20,
    failed=2,
    books=Books(delivered=33, accepted=33),
    examples=(),
)
