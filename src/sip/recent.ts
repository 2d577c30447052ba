/** What was read of the last few texts: who checks a header and who uses it read the same one, and most Request-URIs are alike. */
const MOST = 8;

/** `read` must depend on nothing but the text, and what it returns is shared. */
export function rememberingLast<Result>(read: (text: string) => Result): (text: string) => Result {
  const texts: string[] = [];
  const results: Result[] = [];
  let next = 0;
  return (text) => {
    const known = texts.indexOf(text);
    if (known >= 0) return results[known] as Result;
    const result = read(text);
    texts[next] = text;
    results[next] = result;
    next = (next + 1) % MOST;
    return result;
  };
}
