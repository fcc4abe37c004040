/* Looking back at earlier points, forward and backward: attention, and the density of anchors.

   The equations and the same arithmetic with torch stand in reference.py. For each of `rows` rows of each of `sketches`
   sketches, the points 0 to `row` of a table are seen from the pen. A table's columns are the keys and the values of
   `heads` heads, the keys of two kinds of anchors, each of `key` numbers, and six numbers of a point's place. Tables are
   transposed first, so that the inner loops run over points. Everything is float; `scratch` is the caller's. */

#include <stdint.h>
#include <string.h>

#include "../exponential.h"

enum { X, Y, REACH_X, REACH_Y, BEGINS, STROKE, PLACE };
enum { GEOMETRY = 10, KINDS = 2 };
static const float LOG_TWO_PI = 1.8378770664f, ABSENT = -1e9f, SPAN = 0.57735026919f;

typedef struct {
    long sketches, rows, points, heads, key, stride; /* stride: floats from one table to the next */
} Sizes;

static long width_of(const Sizes *s) { return (2 * s->heads + KINDS) * s->key + PLACE; }

static long padded(long count) { return (count + 15) / 16 * 16; }

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

/* Copy columns `from` to `to` of a table so that the numbers of a column stand behind one another. */
static void transpose(const float *table, long points, long width, long from, long to, float *columns, long step) {
    for (long j = 0; j < points; j++)
        for (long c = from; c < to; c++) columns[c * step + j] = table[j * width + c];
}

static void transpose_back(const float *columns, long points, long width, float *table, long step) {
    for (long j = 0; j < points; j++)
        for (long c = 0; c < width; c++) table[j * width + c] = columns[c * step + j];
}

/* Write the geometry of the first `count` points as the pen sees them. */
static void see(const float *restrict place, long step, const float *restrict pen, float row, long count,
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
static void add_columns(const float *restrict columns, long step, const float *restrict weights, long number,
                        float factor, long count, float *restrict out) {
    for (long c = 0; c < number; c++) {
        const float weight = factor * weights[c];
        const float *restrict column = columns + c * step;
#pragma omp simd
        for (long j = 0; j < count; j++) out[j] += weight * column[j];
    }
}

/* Add the products of columns with weights of points, `out[c] += factor * sum over j of columns[c][j] weights[j]`. */
static void add_products(const float *restrict columns, long step, const float *restrict weights, long number,
                         float factor, long count, float *restrict out) {
    for (long c = 0; c < number; c++) {
        const float *restrict column = columns + c * step;
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (long j = 0; j < count; j++) sum += column[j] * weights[j];
        out[c] += factor * sum;
    }
}

/* Add to columns, `columns[c][j] += factor * weights[j] numbers[c]`. */
static void spread_out(float *restrict columns, long step, const float *restrict weights, const float *restrict numbers,
                       long number, float factor, long count) {
    for (long c = 0; c < number; c++) {
        const float scaled = factor * numbers[c];
        float *restrict column = columns + c * step;
#pragma omp simd
        for (long j = 0; j < count; j++) column[j] += scaled * weights[j];
    }
}

static float largest(const float *values, long count) {
    float found = values[0];
#pragma omp simd reduction(max : found)
    for (long j = 0; j < count; j++) found = values[j] > found ? values[j] : found;
    return found;
}

/* Replace values by their exponentials, less `shift`, and return the sum. */
static float exponentials(float *restrict values, float shift, long count) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (long j = 0; j < count; j++) {
        values[j] = exponential(values[j] - shift);
        sum += values[j];
    }
    return sum;
}

/* Write `out[j] = factor * sum over c of weights[c] table[j][c]` for keys that were not transposed. */
static void row_products(const float *restrict table, long width, const float *restrict weights, long number,
                         float factor, long count, float *restrict out) {
    for (long j = 0; j < count; j++) {
        const float *restrict numbers = table + j * width;
        float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
        for (long c = 0; c < number; c++) sum += weights[c] * numbers[c];
        out[j] = factor * sum;
    }
}

/* Add `out[c] += factor * sum over j of table[j][c] weights[j]` for values that were not transposed. */
static void row_sums(const float *restrict table, long width, const float *restrict weights, long number, float factor,
                     long count, float *restrict out) {
    for (long j = 0; j < count; j++) {
        const float scaled = factor * weights[j];
        const float *restrict numbers = table + j * width;
#pragma omp simd
        for (long c = 0; c < number; c++) out[c] += scaled * numbers[c];
    }
}

static void score(const Sizes *s, const float *query, const float *keys, const float *seen, long step, float scale,
                  long count, float *out) {
    memset(out, 0, (size_t)count * sizeof *out);
    add_columns(keys, step, query, s->key, scale, count, out);
    add_columns(seen, step, query + s->key, GEOMETRY, 1.0f, count, out);
}

/* Floats of scratch that every function here wants. */
long scratch_floats(long points, long heads, long key) {
    Sizes s = {0, 0, points, heads, key, 0};
    return padded(points) * (2 * width_of(&s) + GEOMETRY + 2 * KINDS + 4);
}

/* context: [sketches, rows, heads, key + GEOMETRY], what is found in values and in geometry. normaliser: [sketches,
   rows, heads], the logarithm of the sum of the exponentials of all scores. */
void attend_forward(long sketches, long rows, long points, long heads, long key, long stride, const int64_t *slots,
                    const float *query, const float *table, const float *pen, const float *row, float *context,
                    float *normaliser, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = key + GEOMETRY;
    const float scale = 1.0f / __builtin_sqrtf((float)key);
    float *columns = scratch, *seen = columns + 2 * width * step, *weights = seen + GEOMETRY * step;
    for (long b = 0; b < sketches; b++) {
        const float *own = table + (slots ? slots[b] : b) * stride;
        if (rows > 1) transpose(own, points, width, 0, 2 * heads * key, columns, step);
        transpose(own, points, width, width - PLACE, width, columns, step);
        for (long i = 0; i < rows; i++) {
            const long at = b * rows + i, count = (long)row[at] + 1;
            see(columns + (width - PLACE) * step, step, pen + at * PLACE, row[at], count, seen);
            for (long h = 0; h < heads; h++) {
                const float *q = query + (at * heads + h) * part;
                float *found = context + (at * heads + h) * part;
                if (rows > 1)
                    score(&s, q, columns + h * key * step, seen, step, scale, count, weights);
                else {
                    row_products(own + h * key, width, q, key, scale, count, weights);
                    add_columns(seen, step, q + key, GEOMETRY, 1.0f, count, weights);
                }
                const float most = largest(weights, count), sum = exponentials(weights, most, count);
                normaliser[at * heads + h] = most + logarithm(sum);
                memset(found, 0, (size_t)part * sizeof *found);
                if (rows > 1)
                    add_products(columns + (heads + h) * key * step, step, weights, key, 1.0f / sum, count, found);
                else
                    row_sums(own + (heads + h) * key, width, weights, key, 1.0f / sum, count, found);
                add_products(seen, step, weights, GEOMETRY, 1.0f / sum, count, found + key);
            }
        }
    }
}

/* d_table is written whole; only keys and values have a gradient here. */
void attend_backward(long sketches, long rows, long points, long heads, long key, long stride, const float *query,
                   const float *table, const float *pen, const float *row, const float *context,
                   const float *normaliser, const float *d_context, float *d_query, float *d_table, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = key + GEOMETRY;
    const float scale = 1.0f / __builtin_sqrtf((float)key);
    float *columns = scratch, *d_columns = columns + width * step, *seen = d_columns + width * step;
    float *weights = seen + GEOMETRY * step, *d_scores = weights + step;
    for (long b = 0; b < sketches; b++) {
        transpose(table + b * stride, points, width, 0, width, columns, step);
        memset(d_columns, 0, (size_t)(width * step) * sizeof *d_columns);
        for (long i = 0; i < rows; i++) {
            const long at = b * rows + i, count = (long)row[at] + 1;
            see(columns + (width - PLACE) * step, step, pen + at * PLACE, row[at], count, seen);
            for (long h = 0; h < heads; h++) {
                const long place = (at * heads + h) * part;
                const float *q = query + place, *d_found = d_context + place;
                const long k = h * key * step, v = (heads + h) * key * step;
                score(&s, q, columns + k, seen, step, scale, count, weights);
                exponentials(weights, normaliser[at * heads + h], count);
                memset(d_scores, 0, (size_t)count * sizeof *d_scores);
                add_columns(columns + v, step, d_found, key, 1.0f, count, d_scores);
                add_columns(seen, step, d_found + key, GEOMETRY, 1.0f, count, d_scores);
                float mean = 0.0f;
                for (long c = 0; c < part; c++) mean += context[place + c] * d_found[c];
#pragma omp simd
                for (long j = 0; j < count; j++) d_scores[j] = weights[j] * (d_scores[j] - mean);
                memset(d_query + place, 0, (size_t)part * sizeof *d_query);
                add_products(columns + k, step, d_scores, key, scale, count, d_query + place);
                add_products(seen, step, d_scores, GEOMETRY, 1.0f, count, d_query + place + key);
                spread_out(d_columns + k, step, d_scores, q, key, scale, count);
                spread_out(d_columns + v, step, weights, d_found, key, 1.0f, count);
            }
        }
        transpose_back(d_columns, points, width, d_table + b * points * width, step);
    }
}

/* The log density at `target` of a Gaussian on every point (kind 0) or along every segment (kind 1), [KINDS][count],
   and where `slope` is given its derivative by the spread. */
static void densities(const float *restrict place, long step, const float *target, float spread, long count,
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

/* `columns` are those of keys and places, or `keys` the untransposed keys, of which one of the two is there. */
static void anchor_scores(const Sizes *s, const float *query, const float *columns, const float *keys,
                          const float *seen, long step, long count, float *scores) {
    const float scale = 1.0f / __builtin_sqrtf((float)s->key);
    const float *place = columns + (width_of(s) - PLACE) * step;
    for (long kind = 0; kind < KINDS; kind++) {
        const float *q = query + kind * (s->key + GEOMETRY);
        float *out = scores + kind * step;
        if (keys) {
            row_products(keys + kind * s->key, width_of(s), q, s->key, scale, count, out);
            add_columns(seen, step, q + s->key, GEOMETRY, 1.0f, count, out);
        } else
            score(s, q, columns + (2 * s->heads + kind) * s->key * step, seen, step, scale, count, out);
    }
    for (long j = 0; j < count; j++)
        if (place[REACH_X * step + j] == 0.0f && place[REACH_Y * step + j] == 0.0f) scores[step + j] = ABSENT;
}

static float largest_of_kinds(const float *values, long step, long count) {
    const float first = largest(values, count), second = largest(values + step, count);
    return first > second ? first : second;
}

/* log_prob: [sketches, rows], of the offset that leads to `target` [sketches, rows, 2]. normaliser: [sketches, rows], of
   the anchors' scores. */
void anchors_forward(long sketches, long rows, long points, long heads, long key, long stride, const int64_t *slots,
                     const float *query,
                     const float *table, const float *pen, const float *row, const float *spread, const float *target,
                     float *log_prob, float *normaliser, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = KINDS * (key + GEOMETRY);
    float *columns = scratch, *seen = columns + 2 * width * step;
    float *scores = seen + GEOMETRY * step, *density = scores + KINDS * step;
    const float *place = columns + (width - PLACE) * step;
    for (long b = 0; b < sketches; b++) {
        const float *own = table + (slots ? slots[b] : b) * stride, *keys = rows > 1 ? 0 : own + 2 * heads * key;
        transpose(own, points, width, rows > 1 ? 2 * heads * key : width - PLACE, width, columns, step);
        for (long i = 0; i < rows; i++) {
            const long at = b * rows + i, count = (long)row[at] + 1;
            see(place, step, pen + at * PLACE, row[at], count, seen);
            anchor_scores(&s, query + at * part, columns, keys, seen, step, count, scores);
            densities(place, step, target + at * 2, spread[at], count, density, 0);
            for (long kind = 0; kind < KINDS; kind++)
#pragma omp simd
                for (long j = 0; j < count; j++) density[kind * step + j] += scores[kind * step + j];
            const float most = largest_of_kinds(scores, step, count), top = largest_of_kinds(density, step, count);
            float weight = 0.0f, sum = 0.0f;
            for (long kind = 0; kind < KINDS; kind++) {
                weight += exponentials(scores + kind * step, most, count);
                sum += exponentials(density + kind * step, top, count);
            }
            normaliser[at] = most + logarithm(weight);
            log_prob[at] = top + logarithm(sum) - normaliser[at];
        }
    }
}

void anchors_backward(long sketches, long rows, long points, long heads, long key, long stride, const float *query,
                      const float *table, const float *pen, const float *row, const float *spread, const float *target,
                      const float *log_prob, const float *normaliser, const float *d_log_prob, float *d_query,
                      float *d_spread, float *d_table, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = key + GEOMETRY;
    const float scale = 1.0f / __builtin_sqrtf((float)key);
    float *columns = scratch, *d_columns = columns + width * step, *seen = d_columns + width * step;
    float *scores = seen + GEOMETRY * step, *density = scores + KINDS * step, *slope = density + KINDS * step;
    const float *place = columns + (width - PLACE) * step;
    for (long b = 0; b < sketches; b++) {
        transpose(table + b * stride, points, width, 2 * heads * key, width, columns, step);
        memset(d_columns, 0, (size_t)(width * step) * sizeof *d_columns);
        for (long i = 0; i < rows; i++) {
            const long at = b * rows + i, count = (long)row[at] + 1;
            const float given = d_log_prob[at];
            memset(d_query + at * KINDS * part, 0, (size_t)(KINDS * part) * sizeof *d_query);
            d_spread[at] = 0.0f;
            if (given == 0.0f) continue;
            see(place, step, pen + at * PLACE, row[at], count, seen);
            anchor_scores(&s, query + at * KINDS * part, columns, 0, seen, step, count, scores);
            densities(place, step, target + at * 2, spread[at], count, density, slope);
            const float total = log_prob[at] + normaliser[at];
            float steepness = 0.0f;
            for (long kind = 0; kind < KINDS; kind++) {
                float *restrict z = scores + kind * step, *restrict p = density + kind * step;
                const float *restrict steep = slope + kind * step;
#pragma omp simd reduction(+ : steepness)
                for (long j = 0; j < count; j++) {
                    float posterior = exponential(z[j] + p[j] - total);
                    steepness += posterior * steep[j];
                    z[j] = given * (posterior - exponential(z[j] - normaliser[at]));
                }
                const long place_of = (at * KINDS + kind) * part, k = (2 * heads + kind) * key * step;
                add_products(columns + k, step, z, key, scale, count, d_query + place_of);
                add_products(seen, step, z, GEOMETRY, 1.0f, count, d_query + place_of + key);
                spread_out(d_columns + k, step, z, query + place_of, key, scale, count);
            }
            d_spread[at] = given * steepness;
        }
        transpose_back(d_columns, points, width, d_table + b * points * width, step);
    }
}

/* offset: [sketches, 2], a draw from the anchors of one row each: the anchor at which the running sum of the weights
   passes `uniform`, and two normal numbers along and across it. Scores are multiplied by `inverse_temperature`. */
void anchors_sample(long sketches, long rows, long points, long heads, long key, long stride, const int64_t *slots,
                    const float *query,
                    const float *table, const float *pen, const float *row, const float *spread, const float *uniform,
                    const float *normal, const float *inverse_temperature, float *offset, float *scratch) {
    const Sizes s = {sketches, rows, points, heads, key, stride};
    const long width = width_of(&s), step = padded(points), part = KINDS * (key + GEOMETRY);
    float *columns = scratch, *seen = columns + 2 * width * step, *scores = seen + GEOMETRY * step;
    const float *place = columns + (width - PLACE) * step;
    for (long b = 0; b < sketches; b++) {
        const long count = (long)row[b] + 1;
        const float *own = table + (slots ? slots[b] : b) * stride;
        transpose(own, points, width, width - PLACE, width, columns, step);
        see(place, step, pen + b * PLACE, row[b], count, seen);
        anchor_scores(&s, query + b * part, columns, own + 2 * heads * key, seen, step, count, scores);
        const float most = largest_of_kinds(scores, step, count);
        float total = 0.0f;
        for (long kind = 0; kind < KINDS; kind++) {
            float *some = scores + kind * step;
#pragma omp simd
            for (long j = 0; j < count; j++) some[j] = (some[j] - most) * inverse_temperature[b];
            total += exponentials(some, 0.0f, count);
        }
        const float goal = uniform[b] * total;
        long kind = 0, chosen = 0;
        float sum = scores[0];
        while (sum <= goal && (kind < KINDS - 1 || chosen < count - 1)) {
            if (++chosen == count) chosen = 0, kind++;
            sum += scores[kind * step + chosen];
        }
        const float half_x = kind ? 0.5f * place[REACH_X * step + chosen] : 0.0f;
        const float half_y = kind ? 0.5f * place[REACH_Y * step + chosen] : 0.0f;
        const float half = __builtin_sqrtf(half_x * half_x + half_y * half_y);
        const float way_x = half > 0.0f ? half_x / half : 1.0f, way_y = half > 0.0f ? half_y / half : 0.0f;
        const float along = normal[2 * b] * __builtin_sqrtf(spread[b] * spread[b] + SPAN * SPAN * half * half);
        const float across = normal[2 * b + 1] * spread[b];
        offset[2 * b] = place[chosen] - half_x - pen[b * PLACE + X] + way_x * along - way_y * across;
        offset[2 * b + 1] = place[step + chosen] - half_y - pen[b * PLACE + Y] + way_y * along + way_x * across;
    }
}
