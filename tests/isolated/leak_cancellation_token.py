"""Trees of tokens, cancelled from the top, from a leaf, and not at all."""

import measure

import taskvisor as tv


def work() -> None:
    root = tv.CancellationToken()
    branches = [root.child_token() for _ in range(3)]
    leaves = [branch.child_token() for branch in branches]
    leaves[0].cancel()
    leaves[1].wait(0)
    del branches[2]
    root.cancel()
    assert leaves[2].is_cancelled
    assert leaves[2].wait()
    root.child_token().child_token()
    alone = tv.CancellationToken().child_token()
    assert not alone.is_cancelled
    hash(root), repr(root)


measure.check(work, tv.CancellationToken)
