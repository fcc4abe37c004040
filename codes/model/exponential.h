/* The exponential of a float, written so that a compiler computes many at a time. */

#pragma once

#include <stdint.h>
#include <string.h>

/* e^x = 2^n e^r with |r| at most half of log 2; a NaN stays a NaN. */
static inline float exponential(float x) {
    const float to_whole = 12582912.0f; /* 1.5 * 2^23: added, it rounds to whole numbers, which its last bits then hold */
    x = x > 87.0f ? 87.0f : x;
    x = x < -87.0f ? -87.0f : x;
    float shifted = x * 1.44269504f + to_whole;
    float whole = shifted - to_whole;
    float r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    float series = 1.0f / 720;
    series = series * r + 1.0f / 120;
    series = series * r + 1.0f / 24;
    series = series * r + 1.0f / 6;
    series = series * r + 0.5f;
    series = series * r + 1.0f;
    series = series * r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}
