/* SPDX-License-Identifier: Apache-2.0 */
#include "report/grid.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void kk_grid_set(struct kk_grid *grid, unsigned row, unsigned column, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(grid->cell[row][column], sizeof(grid->cell[row][column]), format, args);
	va_end(args);
}

void kk_grid_name(struct kk_grid *grid, unsigned row, unsigned column, const char *name, unsigned width)
{
	struct kk_text safe = {0};
	size_t size = sizeof(grid->cell[row][column]);

	kk_text_safe(&safe, name, strlen(name));
	kk_text_cut(&safe, width);
	while (safe.used >= size)
		kk_text_cut(&safe, --width);
	kk_grid_set(grid, row, column, "%.*s", (int)safe.used, safe.at ? safe.at : "");
	kk_text_free(&safe);
}

static unsigned columns_of(const char *cell)
{
	return kk_text_columns(cell, strlen(cell));
}

/* What a column takes; 0: it is empty. */
static unsigned width_of(const struct kk_grid *grid, unsigned column, unsigned rows)
{
	const struct kk_grid_column *about = &grid->columns[column];
	unsigned width = 0;

	for (unsigned row = 0; row < rows; row++) {
		unsigned cell = columns_of(grid->cell[row][column]);
		width = cell > width ? cell : width;
	}
	if (width > 0 && about->title && columns_of(about->title) > width)
		width = columns_of(about->title);
	return width > 0 && width < about->least ? about->least : width;
}

/* Two blanks before the first column, one before each other. */
static unsigned whole_width(const struct kk_grid *grid, const unsigned *widths)
{
	unsigned whole = 1;

	for (unsigned c = 0; c < grid->count; c++)
		whole += widths[c] ? widths[c] + 1 : 0;
	return whole;
}

static void leave_out(const struct kk_grid *grid, unsigned *widths, unsigned width)
{
	while (whole_width(grid, widths) > width) {
		unsigned least = 0;
		for (unsigned c = 0; c < grid->count; c++) {
			if (widths[c] && grid->columns[c].rank > grid->columns[least].rank)
				least = c;
		}
		if (grid->columns[least].rank == 0)
			return;
		widths[least] = 0;
	}
}

static void add_blanks(struct kk_text *text, unsigned count)
{
	kk_text_add(text, "%*s", (int)count, "");
}

static void end_line(struct kk_text *text, unsigned width)
{
	while (text->used > 0 && text->at[text->used - 1] == ' ')
		text->used--;
	kk_text_cut(text, width);
	kk_text_add(text, "\n");
}

static void add_cell(struct kk_text *text, const char *cell, unsigned width, bool left)
{
	unsigned blanks = width - columns_of(cell);

	kk_text_add(text, " ");
	add_blanks(text, left ? 0 : blanks);
	kk_text_add(text, "%s", cell);
	add_blanks(text, left ? blanks : 0);
}

void kk_grid_add(struct kk_text *text, const struct kk_grid *grid, unsigned rows, unsigned width)
{
	unsigned widths[KK_GRID_COLUMNS] = {0};
	bool titled = false;

	rows = rows < grid->rows ? rows : grid->rows;
	for (unsigned c = 0; c < grid->count; c++) {
		widths[c] = width_of(grid, c, grid->rows);
		titled = titled || grid->columns[c].title;
	}
	leave_out(grid, widths, width);
	if (titled) {
		kk_text_add(text, " ");
		for (unsigned c = 0; c < grid->count; c++) {
			const char *title = grid->columns[c].title;
			if (widths[c])
				add_cell(text, title ? title : "", widths[c], grid->columns[c].left);
		}
		end_line(text, width);
	}
	for (unsigned row = 0; row < rows; row++) {
		kk_text_add(text, " ");
		for (unsigned c = 0; c < grid->count; c++) {
			if (widths[c])
				add_cell(text, grid->cell[row][c], widths[c], grid->columns[c].left);
		}
		end_line(text, width);
	}
}
