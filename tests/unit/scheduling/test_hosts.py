"""What one host bears: pauses, probes, shares, the pace that is learned, and dead hosts."""

from __future__ import annotations

import random
from itertools import count

from pyfetch.models import Failure, HostSignal, Outcome, Result
from pyfetch.scheduling.host_failures import MOST_SILENT, SEVERAL, SILENT_PROBES
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.hosts import DOWN_FOR, Host
from pyfetch.scheduling.retry import RetryPolicy
from tests.support.cases import cases

NOW = 1000.0


class Highest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


def host(limits: Limits | None = None, **policy: float) -> Host:
    return Host(limits or Limits(), RetryPolicy(randomness=Highest(), **policy))  # type: ignore[arg-type]


numbers = count(1)


def failed(
    error: Failure = Failure.HTTP,
    detail: str = "429 Too Many Requests",
    status: int | None = 429,
    index: int | None = None,
) -> Result:
    """A failure, of a URL that no other failure is of unless its index is given."""
    number = next(numbers) if index is None else index
    return Result(number, "http://a/", Outcome.FAILED, status=status, error=error, detail=detail)


REFUSED = failed(Failure.CONNECT, "connection refused", None)


def ask(
    host: Host,
    sign: HostSignal,
    now: float,
    began: float | None = None,
    asked: float | None = None,
    result: Result | None = None,
) -> None:
    """Let one attempt begin and end."""
    host.started(now if began is None else began)
    host.ended(now, now if began is None else began, sign, asked, result or failed())


def at_once(host: Host, now: float, most: int = 100) -> int:
    """How many may be in flight together."""
    number = 0
    while number < most and (time := host.may_start(now)) is not None and time <= now:
        host.started(now)
        number += 1
    return number


def end(host: Host, number: int, sign: HostSignal, now: float, began: float) -> None:
    for _ in range(number):
        host.ended(now, began, sign, None, failed())


def test_a_host_of_which_nothing_is_known_may_be_asked_at_once() -> None:
    assert at_once(host(), NOW) == 100


def test_a_cap_holds_until_one_has_ended() -> None:
    capped = host(Limits(per_host=2))
    assert at_once(capped, NOW) == 2
    assert capped.may_start(NOW + 60) is None
    end(capped, 1, HostSignal.ANSWERED, NOW, NOW)
    assert at_once(capped, NOW) == 1


def test_pushing_back_without_a_word_pauses_ever_longer() -> None:
    busy = host()
    now = NOW
    for pause in (1, 2, 4, 8):
        ask(busy, HostSignal.PUSHED_BACK, now)
        assert busy.may_start(now) == now + pause
        now += pause


def test_an_answer_ends_the_growing_of_pauses() -> None:
    busy = host()
    ask(busy, HostSignal.PUSHED_BACK, NOW)
    ask(busy, HostSignal.ANSWERED, NOW + 1)
    ask(busy, HostSignal.PUSHED_BACK, NOW + 50)
    assert busy.may_start(NOW + 50) == NOW + 51


def test_those_that_were_under_way_together_push_back_once() -> None:
    busy = host()
    assert at_once(busy, NOW, 20) == 20
    end(busy, 20, HostSignal.PUSHED_BACK, NOW + 1, NOW)
    assert busy.may_start(NOW + 1) == NOW + 2


def test_after_a_pause_comes_one_probe_and_then_step_by_step_more() -> None:
    busy = host(first_wait=0)
    assert at_once(busy, NOW, 16) == 16
    end(busy, 16, HostSignal.PUSHED_BACK, NOW + 1, NOW)
    now, numbers = NOW + 1, []
    for _ in range(8):
        numbers.append(at_once(busy, now))
        end(busy, numbers[-1], HostSignal.ANSWERED, now, now)
        now += 1.0
    # Doubling up to half of the sixteen, then one more in each round.
    assert numbers == [1, 2, 4, 8, 9, 10, 11, 12]


def test_a_word_on_when_to_come_back_is_kept_to() -> None:
    busy = host()
    ask(busy, HostSignal.PUSHED_BACK, NOW, asked=30.0)
    paused = busy.may_start(NOW)
    assert paused is not None
    assert NOW + 30 <= paused <= NOW + 30.1


def test_a_quota_that_is_spent_pauses_though_nothing_was_refused() -> None:
    strict = host()
    ask(strict, HostSignal.ANSWERED, NOW, asked=30.0)
    assert strict.may_start(NOW) == NOW + 30
    assert at_once(strict, NOW + 30) == 100


def test_who_asks_for_longer_than_is_waited_is_asked_no_more_until_then() -> None:
    busy = host(max_wait=60)
    ask(busy, HostSignal.PUSHED_BACK, NOW, asked=61.0)
    assert busy.refused(NOW) is None, "it may be that URL's alone"
    assert busy.may_start(NOW) == NOW + 1
    ask(busy, HostSignal.PUSHED_BACK, NOW + 1, asked=61.0)
    refusal = busy.refused(NOW + 1)
    assert refusal
    assert refusal.failure is Failure.HTTP
    assert "asked to wait 61 s, longer than the 60 s of --max-wait" in refusal.detail
    assert busy.refused(NOW + 63) is None


def test_pauses_in_a_row_are_added_up() -> None:
    busy = host(max_wait=60)
    for number in range(3):
        ask(busy, HostSignal.PUSHED_BACK, NOW + 25 * number, asked=25.0)
    refusal = busy.refused(NOW + 50)
    assert refusal
    assert "all of --max-wait" in refusal.detail


def test_a_pace_is_learned_and_kept_just_below_what_is_refused() -> None:
    """A host that takes 20 requests a second; what is asked after the first minute."""
    limited = host()
    now, window, taken, refused, total = 0.0, -1, 0, 0, 0
    for _ in range(100_000):
        time = limited.may_start(now)
        assert time is not None
        now = max(now, time) + 0.002
        if now > 600:
            break
        if int(now) != window:
            window, taken = int(now), 0
        taken += 1
        limited.started(now)
        over = taken > 20
        limited.ended(
            now, now, HostSignal.PUSHED_BACK if over else HostSignal.ANSWERED, None, failed()
        )
        if now > 60:
            total += 1
            refused += over
    assert refused / total < 0.02
    assert total - refused > 0.85 * 20 * 540


def test_several_in_a_row_that_reach_nobody_pause_a_host_and_a_lone_probe_decides() -> None:
    down = host()
    assert at_once(down, NOW, 8) == 8
    for _ in range(SEVERAL - 1):
        down.ended(NOW + 2, NOW, HostSignal.UNREACHED, None, REFUSED)
    assert down.may_start(NOW + 2) == NOW
    for _ in range(8 - SEVERAL + 1):
        down.ended(NOW + 2, NOW, HostSignal.UNREACHED, None, REFUSED)
    assert down.may_start(NOW + 2) == NOW + 3
    assert at_once(down, NOW + 3) == 1
    down.ended(NOW + 3, NOW + 3, HostSignal.ANSWERED, None, failed())
    assert at_once(down, NOW + 3) == 2


@cases("together", [1, 8])
def test_when_the_tries_are_used_up_the_rest_fails_with_the_real_cause(together: int) -> None:
    down = host(retries=3)
    now, tries = NOW, 0
    while not down.refused(now):
        began = max(now, down.may_start(now) or 0.0)
        number = at_once(down, began, together)
        now = began + 2
        for _ in range(number):
            down.ended(now, began, HostSignal.UNREACHED, None, REFUSED)
        tries += 1
    assert tries == 4
    refusal = down.refused(now)
    assert refusal
    assert refusal.failure is Failure.CONNECT
    assert "connection refused; its host could not be reached" in refusal.detail
    # Long after, it is asked again, by one.
    later = now + DOWN_FOR
    assert down.refused(later) is None
    assert at_once(down, later) == 1


def test_answers_in_between_keep_a_host_alive() -> None:
    shaky = host()
    for number in range(100):
        ask(shaky, HostSignal.UNREACHED if number % 3 else HostSignal.ANSWERED, NOW, result=REFUSED)
    assert shaky.refused(NOW) is None


def silence(index: int | None = None) -> Result:
    return failed(Failure.TIMEOUT, "no answer within 30 s", None, index)


def test_silence_tells_of_a_host_only_if_it_never_answered() -> None:
    quiet, slow = host(retries=0), host(retries=0)
    ask(slow, HostSignal.ANSWERED, NOW)
    for _ in range(SEVERAL + MOST_SILENT):
        ask(quiet, HostSignal.SILENT, NOW, result=silence())
        ask(slow, HostSignal.SILENT, NOW, result=silence())
    assert quiet.refused(NOW)
    assert not slow.refused(NOW)


def test_silence_fails_no_other_url_before_ten_different_probes() -> None:
    quiet = host(retries=0)
    for _ in range(SEVERAL):
        ask(quiet, HostSignal.SILENT, NOW, result=silence())
    for _ in range(MOST_SILENT - 1):
        assert quiet.refused(NOW) is None
        probe = silence()
        ask(quiet, HostSignal.SILENT, NOW, result=probe)
        ask(quiet, HostSignal.SILENT, NOW, result=probe)  # the same once more says nothing new
    assert quiet.refused(NOW) is None
    ask(quiet, HostSignal.SILENT, NOW, result=silence())
    refusal = quiet.refused(NOW)
    assert refusal
    assert refusal.failure is Failure.TIMEOUT


def test_a_silent_host_is_not_paused_but_gets_a_few_probes_of_other_urls() -> None:
    quiet = host()
    hung = [silence() for _ in range(SEVERAL)]
    for result in hung:
        ask(quiet, HostSignal.SILENT, NOW, result=result)
    assert at_once(quiet, NOW) == SILENT_PROBES
    assert quiet.wants_another_url
    assert all(quiet.has_trouble_with(result.index) for result in hung)
    quiet.ended(NOW + 1, NOW, HostSignal.ANSWERED, None, None)
    assert not quiet.wants_another_url


def test_a_lone_503_is_its_url_s_and_a_503_of_a_second_url_is_the_host_s() -> None:
    busy = host()
    ask(busy, HostSignal.PUSHED_BACK, NOW, result=failed(status=503, index=1), asked=60.0)
    assert busy.may_start(NOW) == NOW
    ask(busy, HostSignal.PUSHED_BACK, NOW, result=failed(status=503, index=2))
    assert busy.may_start(NOW) == NOW + 1


def test_503s_of_several_urls_are_their_own_where_others_are_served_in_between() -> None:
    shaky = host()
    for number in range(20):
        now = NOW + number
        ask(shaky, HostSignal.PUSHED_BACK, now, result=failed(status=503))
        ask(shaky, HostSignal.ANSWERED, now + 0.5, result=None)
    assert shaky.may_start(NOW + 20) == NOW + 19.5
    assert at_once(shaky, NOW + 20) == 100


def test_answers_to_requests_that_were_sent_before_a_503_explain_nothing() -> None:
    busy = host()
    ask(busy, HostSignal.PUSHED_BACK, NOW + 1, NOW, result=failed(status=503))
    ask(busy, HostSignal.ANSWERED, NOW + 1.1, NOW + 0.5)
    ask(busy, HostSignal.PUSHED_BACK, NOW + 1.2, NOW + 0.6, result=failed(status=503))
    assert busy.may_start(NOW + 1.2) == NOW + 2.2


def test_a_429_pauses_its_host_once_and_another_url_that_is_served_soon_ends_that() -> None:
    busy = host()
    assert at_once(busy, NOW, 8) == 8
    busy.ended(NOW + 1, NOW, HostSignal.PUSHED_BACK, 60.0, failed(index=1))
    assert busy.may_start(NOW + 1) is None
    # Sent together with the one that was refused: it says nothing.
    busy.ended(NOW + 1, NOW, HostSignal.ANSWERED, None, None)
    assert busy.may_start(NOW + 1) is None
    ask(busy, HostSignal.ANSWERED, NOW + 1.2, NOW + 0.1, result=failed(status=200, index=2))
    assert at_once(busy, NOW + 1.2) == 100
    # The same URL again: others were served since, so its trouble is its own.
    ask(busy, HostSignal.PUSHED_BACK, NOW + 2, asked=60.0, result=failed(index=1))
    assert busy.may_start(NOW + 2) is None or busy.may_start(NOW + 2) == NOW + 2


def test_a_429_of_a_second_url_is_kept_to_whatever_is_served() -> None:
    """So it is with a token bucket, which refuses now this URL, now that."""
    busy = host()
    ask(busy, HostSignal.PUSHED_BACK, NOW, asked=5.0)
    ask(busy, HostSignal.ANSWERED, NOW + 0.2, NOW + 0.1, result=None)
    assert busy.may_start(NOW + 0.2) == NOW + 0.1
    ask(busy, HostSignal.PUSHED_BACK, NOW + 0.3, asked=5.0)
    ask(busy, HostSignal.ANSWERED, NOW + 0.5, NOW + 0.4, result=None)
    paused = busy.may_start(NOW + 0.5)
    assert paused is not None
    assert paused >= NOW + 5.3


def test_a_server_error_ends_no_pause() -> None:
    busy = host()
    ask(busy, HostSignal.PUSHED_BACK, NOW, asked=5.0)
    ask(busy, HostSignal.ANSWERED, NOW + 0.2, NOW + 0.1, result=failed(status=500))
    paused = busy.may_start(NOW + 0.2)
    assert paused is not None
    assert paused >= NOW + 5


def test_what_was_learned_from_urls_that_are_always_refused_is_forgotten() -> None:
    misjudged = host(first_wait=0)
    bad = [failed(index=number) for number in range(1_000_001, 1_000_004)]
    for number, result in enumerate(bad):
        ask(misjudged, HostSignal.PUSHED_BACK, NOW + number, result=result)
        ask(misjudged, HostSignal.ANSWERED, NOW + number + 0.5, result=None)
    slowed = misjudged.may_start(NOW + 2.5)
    assert slowed is not None
    assert slowed > NOW + 2.5
    ask(misjudged, HostSignal.ANSWERED, NOW + 4, result=None)
    for result in bad:
        ask(misjudged, HostSignal.PUSHED_BACK, NOW + 5, result=result)
    assert at_once(misjudged, NOW + 5) == 100


def test_only_what_still_matters_of_a_host_is_kept() -> None:
    plain, busy, down, spaced = host(), host(), host(retries=0), host(Limits(interval=60))
    ask(plain, HostSignal.ANSWERED, NOW)
    ask(busy, HostSignal.PUSHED_BACK, NOW, asked=30.0)
    for _ in range(SEVERAL):
        ask(down, HostSignal.UNREACHED, NOW, result=REFUSED)
    ask(spaced, HostSignal.ANSWERED, NOW)
    assert plain.memory(NOW) is None
    kept = busy.memory(NOW)
    assert kept
    assert kept.not_before >= NOW + 30
    assert busy.memory(NOW + 31) is None
    kept = down.memory(NOW)
    assert kept
    assert kept.refusal == down.refused(NOW)
    assert down.memory(NOW + DOWN_FOR) is None
    kept = spaced.memory(NOW + 59)
    assert kept
    assert Host(Limits(interval=60), RetryPolicy(), kept).may_start(NOW + 59) == NOW + 60
    assert spaced.memory(NOW + 60) is None


def test_an_answer_proves_a_host_alive_whatever_was_said_of_it() -> None:
    down = host(retries=0)
    down.started(NOW)
    for _ in range(SEVERAL):
        ask(down, HostSignal.UNREACHED, NOW, result=REFUSED)
    assert down.refused(NOW)
    down.ended(NOW + 1, NOW, HostSignal.ANSWERED, None, failed())
    assert down.refused(NOW + 1) is None


def test_time_in_which_a_host_was_not_asked_says_nothing_of_its_pace() -> None:
    busy = host(first_wait=0)
    for number in range(20):
        ask(busy, HostSignal.ANSWERED, NOW + number / 100)
    ask(busy, HostSignal.PUSHED_BACK, NOW + 0.3)
    ask(busy, HostSignal.ANSWERED, NOW + 0.4)
    ask(busy, HostSignal.PUSHED_BACK, NOW + 7200, asked=1.0)
    ask(busy, HostSignal.ANSWERED, NOW + 7201)
    time = busy.may_start(NOW + 7201)
    assert time is not None
    assert time < NOW + 7203


def test_who_asked_nobody_uses_up_no_rate() -> None:
    spaced = host(Limits(interval=60))
    ask(spaced, HostSignal.NOT_ASKED, NOW)
    assert at_once(spaced, NOW) == 1
