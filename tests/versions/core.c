/*
 * core.c - the sqllogictest runner with the extension linked in: registers it for every
 * connection, as a program that has no loadable extensions does. The runner's main() is
 * compiled under another name.
 */
#include <sqlite3.h>

#include "../../include/gru4rec.h"

int runner_main(int argc, char **argv);

int main(int argc, char **argv)
{
    sqlite3_auto_extension((void (*)(void))sqlite3_gru4rec_init);
    return runner_main(argc, argv);
}
