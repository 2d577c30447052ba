/** The columns that a list is sorted by. */
export interface Column<Row> {
  readonly of: (row: Row) => number | string;
  /** Of its usual direction. */
  readonly sign: 1 | -1;
}

export type Columns<Row> = Readonly<Record<string, Column<Row>>>;

/** The greatest first. */
export function most<Row>(of: (row: Row) => number | string): Column<Row> {
  return { of, sign: -1 };
}

/** The least first, or A before Z. */
export function least<Row>(of: (row: Row) => number | string): Column<Row> {
  return { of, sign: 1 };
}

/** `sort`: a column, after "-" the other way round; "": the first one. Undefined: there is no such column. */
export function orderOf<Row>(columns: Columns<Row>, sort: string): ((one: Row, other: Row) => number) | undefined {
  const [, column] = Object.entries(columns).find(([name]) => sort === "" || name === sort.replace(/^-/, "")) ?? [];
  if (column === undefined) return undefined;
  const { of } = column;
  const sign = sort.startsWith("-") ? -column.sign : column.sign;
  return (one, other) => sign * compare(of(one), of(other));
}

function compare(one: number | string, other: number | string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
