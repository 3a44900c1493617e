"""locale_comma.py - a host whose locale writes 0,5: numbers in options and what is stored stay as in C."""
import locale
from common import *

OPTIONS = 'layers=8, n_sample=8, n_epochs=2, learning_rate=0.07, sample_alpha=0.75, dropout_p_hidden=0.25'


def stored(path):
    db = make_shop(path)
    value(db, "SELECT gru4rec_train('rec', ?)", OPTIONS)
    value(db, "SELECT gru4rec_train('rec', ?)", '{"layers": 8, "learning_rate": 0.07, "sample_alpha": 7.5e-1, "n_epochs": 1}')
    # As text: SQLite itself reads JSON numbers in the host's locale
    return db.execute('SELECT options FROM rec_version').fetchall(), value(db, 'SELECT loss FROM rec_epoch WHERE epoch = 2')


def comma(directory):
    expected = stored(directory + '/point.db')
    os.environ['LOCPATH'] = directory
    made = subprocess.run(['localedef', '-i', 'de_DE', '-f', 'UTF-8', directory + '/de_DE.UTF-8'],
                          capture_output=True)
    if made.returncode != 0:
        print('note: no locale to test with; install the package locales')
        return
    locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')
    check('the locale writes a comma', locale.str(0.5) == '0,5')
    found = stored(directory + '/comma.db')
    check('the stored options', found[0] == expected[0], (found[0], expected[0]))
    check('the loss', found[1] == expected[1], (found[1], expected[1]))
    locale.setlocale(locale.LC_ALL, 'C')


if __name__ == '__main__':
    run(comma)
    finish()
