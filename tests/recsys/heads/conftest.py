"""What tests of heads share: a look at the function that is minimised."""

import numpy as np
import pytest
import scipy.optimize


@pytest.fixture
def check_gradient(monkeypatch, rng):
    """Compare the gradient of what a module minimises with finite differences."""

    def check(module, run):
        seen = []

        def minimize(loss, start, **options):
            seen.append((loss, start))
            return scipy.optimize.minimize(loss, start, **options)

        monkeypatch.setattr(f"{module}.minimize", minimize)
        run()
        ((loss, start),) = seen
        for at in (start, start + rng.normal(0, 0.3, len(start))):
            differences = scipy.optimize.approx_fprime(at, lambda x: loss(x)[0], 1e-6)
            np.testing.assert_allclose(loss(at)[1], differences, rtol=1e-4, atol=1e-4)

    return check
