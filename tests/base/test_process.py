"""What the running process is set to."""

import pytest
import torch

from tlcourse.base.process import threads_for


def test_a_small_batch_gets_one_thread_and_the_old_number_comes_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        for pixels, threads in ((10 * 48**2, 1), (16 * 96**2, 3), (32 * 224**2, 4)):
            with pytest.raises(KeyError), threads_for(pixels):
                assert torch.get_num_threads() == threads
                raise KeyError
            assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
