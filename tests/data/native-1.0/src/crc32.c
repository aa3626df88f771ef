#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

uint32_t crc32(const unsigned char *data, size_t length) {
    uint32_t crc = 0xffffffffu;
    int forgotten = 0; /* the compiler warns of it: a build's log is not all from stdout */
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}
