/** Characters of a list in a line of the log. A datasets file may read a thousand tables. */
const LIST_LENGTH = 600;

/** The first items, and how many more there are. At least one. */
export function abbreviateList(items: string[], separator: string): string {
  const { text, left } = fitList(items, separator);
  return left === 0 ? text : `${text} and ${left} more`;
}

/** The first items, at least one, and how many did not fit: for statements, which are to be copied as they stand. */
export function fitList(items: string[], separator: string): { text: string; left: number } {
  let text = '';
  for (const [index, item] of items.entries()) {
    if (index > 0 && text.length + item.length > LIST_LENGTH) return { text, left: items.length - index };
    text += index === 0 ? item : separator + item;
  }
  return { text, left: 0 };
}
