/** Characters of a list in a line of the log. A datasets file may read a thousand tables. */
const LIST_LENGTH = 600;

/** The first items, and how many more there are. At least one. */
export function abbreviateList(items: string[], separator: string): string {
  let text = '';
  for (const [index, item] of items.entries()) {
    if (index > 0 && text.length + item.length > LIST_LENGTH) {
      return `${text} and ${items.length - index} more`;
    }
    text += index === 0 ? item : separator + item;
  }
  return text;
}
