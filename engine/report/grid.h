/* SPDX-License-Identifier: Apache-2.0 */
/* engine/report/grid.h - reads rows of cells, produces lines whose columns stand below each other and fit in a width.
 *
 * Columns without any cell are left out. If the rest is too wide, columns go, the least important first; what is still
 * too wide then is cut.
 */
#ifndef ENGINE_REPORT_GRID_H
#define ENGINE_REPORT_GRID_H

#include "report/text.h"

#define KK_GRID_COLUMNS 16
#define KK_GRID_ROWS    52

struct kk_grid_column {
	const char *title; /* NULL: none                                  */
	unsigned rank;     /* 0 is the most important                     */
	bool left;         /* set to the left of the column, else right   */
	unsigned least;    /* columns of the terminal that it takes at least, so that it does not jump */
};

/* Set `columns`, `count` and `rows`; fill the cells with safe text, an empty one is blank. Zero-initialise it. */
struct kk_grid {
	const struct kk_grid_column *columns;
	unsigned count, rows;
	char cell[KK_GRID_ROWS][KK_GRID_COLUMNS][72];
};

/* kk_grid_set - a cell, formatted. kk_grid_name - a cell of foreign text, made safe, cut at `width` columns. */
void kk_grid_set(struct kk_grid *grid, unsigned row, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void kk_grid_name(struct kk_grid *grid, unsigned row, unsigned column, const char *name, unsigned width);

/* kk_grid_add - a line for the titles, if there are any, and one for each of the first `rows` rows. */
void kk_grid_add(struct kk_text *text, const struct kk_grid *grid, unsigned rows, unsigned width);

#endif
