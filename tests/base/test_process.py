"""What the running process is set to."""

import pytest
import torch

from tlcourse.base.errors import TrainingError
from tlcourse.base.process import TimeUp, check_time, pick_device, threads_for, time_limit


def test_a_small_batch_gets_one_thread_and_the_old_number_comes_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        for pixels, threads in ((10 * 32**2, 1), (16 * 40**2, 3), (32 * 224**2, 4)):
            with pytest.raises(KeyError), threads_for(pixels):
                assert torch.get_num_threads() == threads
                raise KeyError
            assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_time_is_up_inside_a_limit_and_a_longer_one_within_it_does_not_extend_it():
    with time_limit(-1):
        for seconds in (None, 100):
            with time_limit(seconds), pytest.raises(TimeUp):
                check_time()
    check_time()
    with time_limit(100):
        with time_limit(-1), pytest.raises(TimeUp):
            check_time()
        check_time()


@pytest.mark.parametrize("device", ["meta", "hpu", "no such"])
def test_a_device_that_holds_no_numbers_or_is_not_there_is_refused(device):
    with pytest.raises(TrainingError, match="cannot be used here"):
        pick_device(device)
