#include <stdio.h>
#include <string.h>

#define LONGEST 255

static int least(int a, int b, int c) {
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance, for texts of up to LONGEST bytes; -1 for longer ones. */
int distance(const char *one, const char *other) {
    int row[LONGEST + 1], length = (int)strlen(other);
    if (length > LONGEST || strlen(one) > LONGEST)
        return -1;
    for (int j = 0; j <= length; j++)
        row[j] = j;
    for (int i = 1; one[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= length; j++) {
            int above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (one[i - 1] != other[j - 1]));
            diagonal = above;
        }
    }
    return row[length];
}
