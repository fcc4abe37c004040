/* Earlier points as a pen sees them: what attention and anchors are scored by, and the density of anchors.

   The equations and the same arithmetic with torch stand in reference.py. A table's columns are the keys and the values
   of `heads` heads, the keys of two kinds of anchors, each of `key` numbers, and six numbers of a point's place. Where
   many rows look at a table it is transposed first, so that the inner loops run over points. Everything is float. */

#pragma once

#include <stdint.h>
#include <string.h>

#include "../exponential.h"

enum { X, Y, REACH_X, REACH_Y, BEGINS, STROKE, PLACE };
enum { GEOMETRY = 10, KINDS = 2 };
static const float LOG_TWO_PI = 1.8378770664f, ABSENT = -1e9f, SPAN = 0.57735026919f;

typedef struct {
    long sketches, rows, points, heads, key, stride; /* stride: floats from one table to the next */
} Sizes;

static inline long width_of(const Sizes *s) { return (2 * s->heads + KINDS) * s->key + PLACE; }

static inline long padded(long count) { return (count + 15) / 16 * 16; }

/* log x = n log 2 + log m with m around 1, by the series of atanh((m - 1) / (m + 1)); for positive numbers. */
static inline float logarithm(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t shifted = bits - 0x3f3504f3u; /* the bits of the root of a half */
    float whole = (float)((int32_t)shifted >> 23);
    bits = (shifted & 0x007fffffu) + 0x3f3504f3u;
    float m;
    memcpy(&m, &bits, sizeof m);
    float t = (m - 1.0f) / (m + 1.0f), square = t * t;
    float series = 1.0f / 9;
    series = series * square + 1.0f / 7;
    series = series * square + 1.0f / 5;
    series = series * square + 1.0f / 3;
    series = series * square + 1.0f;
    return 2.0f * t * series + whole * 0.69314718f;
}

static inline float tanh_of(float x) { return 2.0f / (1.0f + exponential(-2.0f * x)) - 1.0f; }

/* Copy columns `from` to `to` of a table to `columns`, the numbers of each behind one another. */
static inline void transpose(const float *table, long points, long width, long from, long to, float *columns, long step) {
    for (long j = 0; j < points; j++)
        for (long c = from; c < to; c++) columns[(c - from) * step + j] = table[j * width + c];
}

/* Write the geometry of the first `count` points as the pen sees them. */
static inline void see(const float *restrict place, long step, const float *restrict pen, float row, long count,
                float *restrict seen) {
    const float *restrict x = place + X * step, *restrict y = place + Y * step;
    const float *restrict begins = place + BEGINS * step, *restrict stroke = place + STROKE * step;
    const float pen_x = pen[X], pen_y = pen[Y], pen_stroke = pen[STROKE];
#pragma omp simd
    for (long j = 0; j < count; j++) {
        float dx = x[j] - pen_x, dy = y[j] - pen_y;
        float distance = __builtin_sqrtf(dx * dx + dy * dy);
        float same = stroke[j] == pen_stroke ? 1.0f : 0.0f;
        seen[j] = 0.5f * dx;
        seen[step + j] = 0.5f * dy;
        seen[2 * step + j] = tanh_of(2.0f * dx);
        seen[3 * step + j] = tanh_of(2.0f * dy);
        seen[4 * step + j] = distance / (1.0f + distance);
        seen[5 * step + j] = exponential(-3.0f * distance);
        seen[6 * step + j] = 0.5f * logarithm(1.0f + row - (float)j);
        seen[7 * step + j] = begins[j];
        seen[8 * step + j] = same;
        seen[9 * step + j] = begins[j] * same;
    }
}

/* Add `factor` times a weighted sum of columns, `out[j] += factor * sum over c of weights[c] columns[c][j]`. */
static inline void add_columns(const float *restrict columns, long step, const float *restrict weights, long number,
                        float factor, long count, float *restrict out) {
    for (long c = 0; c < number; c++) {
        const float weight = factor * weights[c];
        const float *restrict column = columns + c * step;
#pragma omp simd
        for (long j = 0; j < count; j++) out[j] += weight * column[j];
    }
}

/* Add the products of columns with weights of points, `out[c] += factor * sum over j of columns[c][j] weights[j]`. */
static inline void add_products(const float *restrict columns, long step, const float *restrict weights, long number,
                         float factor, long count, float *restrict out) {
    for (long c = 0; c < number; c++) {
        const float *restrict column = columns + c * step;
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (long j = 0; j < count; j++) sum += column[j] * weights[j];
        out[c] += factor * sum;
    }
}

static inline float largest(const float *values, long count) {
    float found = values[0];
#pragma omp simd reduction(max : found)
    for (long j = 0; j < count; j++) found = values[j] > found ? values[j] : found;
    return found;
}

/* Replace values by their exponentials, less `shift`, and return the sum. */
static inline float exponentials(float *restrict values, float shift, long count) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (long j = 0; j < count; j++) {
        values[j] = exponential(values[j] - shift);
        sum += values[j];
    }
    return sum;
}

/* The log density at `target` of a Gaussian on every point (kind 0) or along every segment (kind 1), [KINDS][count],
   and where `slope` is given its derivative by the spread. */
static inline void densities(const float *restrict place, long step, const float *target, float spread, long count,
                      float *restrict density, float *restrict slope) {
    const float *restrict x = place + X * step, *restrict y = place + Y * step;
    const float *restrict reach_x = place + REACH_X * step, *restrict reach_y = place + REACH_Y * step;
    const float across = spread * spread, target_x = target[0], target_y = target[1];
    const float constant = -LOG_TWO_PI - 0.5f * logarithm(across);
    for (long kind = 0; kind < KINDS; kind++) {
        const float back = kind == 0 ? 0.0f : 0.5f;
        float *restrict out = density + kind * step, *restrict d_out = slope ? slope + kind * step : 0;
#pragma omp simd
        for (long j = 0; j < count; j++) {
            float half_x = back * reach_x[j], half_y = back * reach_y[j];
            float away_x = target_x - x[j] + half_x, away_y = target_y - y[j] + half_y;
            float axis_x = SPAN * half_x, axis_y = SPAN * half_y;
            float along = across + axis_x * axis_x + axis_y * axis_y;
            float projected = away_x * axis_x + away_y * axis_y;
            float squares = away_x * away_x + away_y * away_y - projected * projected / along;
            out[j] = constant - 0.5f * (squares / across + logarithm(along));
            if (d_out) {
                float ratio = projected / along;
                d_out[j] = spread * (squares / (across * across) - ratio * ratio / across - 1.0f / along - 1.0f / across);
            }
        }
    }
}

/* There is no segment where nothing was drawn. */
static inline void without_empty_segments(const float *place, long step, long count, float *scores) {
    for (long j = 0; j < count; j++)
        if (place[REACH_X * step + j] == 0.0f && place[REACH_Y * step + j] == 0.0f) scores[step + j] = ABSENT;
}

static inline float largest_of_kinds(const float *values, long step, long count) {
    const float first = largest(values, count), second = largest(values + step, count);
    return first > second ? first : second;
}

/* The log density of the anchors at `target`, and where it is asked for the logarithm of the sum of the exponentials of
   their scores; `density` is scratch, and `scores` are overwritten. */
static inline float log_anchors(const float *place, long step, float *scores, long count, const float *target,
                                float spread, float *density, float *normaliser) {
    densities(place, step, target, spread, count, density, 0);
    for (long kind = 0; kind < KINDS; kind++)
#pragma omp simd
        for (long j = 0; j < count; j++) density[kind * step + j] += scores[kind * step + j];
    const float most = largest_of_kinds(scores, step, count), top = largest_of_kinds(density, step, count);
    float weight = 0.0f, sum = 0.0f;
    for (long kind = 0; kind < KINDS; kind++) {
        weight += exponentials(scores + kind * step, most, count);
        sum += exponentials(density + kind * step, top, count);
    }
    const float total = most + logarithm(weight);
    if (normaliser) *normaliser = total;
    return top + logarithm(sum) - total;
}
