"""checks.py - counts what passed and failed, for the programs beside it."""
n_passed = n_failed = 0


def check(is_ok, what, detail=''):
    """Counts a check; says what did not hold."""
    global n_passed, n_failed
    if is_ok:
        n_passed += 1
    else:
        n_failed += 1
        print('FAIL ', what, detail, flush=True)
    return is_ok


def finish():
    """Prints the last line; the exit status."""
    print(f'{n_passed} passed, {n_failed} failed')
    return n_failed > 0
