/** A block of code in a Markdown file. */
export interface CodeBlock {
  /** The first word behind the fence. */
  language: string;
  /** What stands behind that, `ignore (reason)` for example. */
  info: string;
  text: string;
}

/** The fenced blocks of a Markdown text that begin at the margin, in order. */
export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/^```(\w+)(?: +([^\n]*))?\n([\s\S]*?)^```$/gm)]
    .map(([, language, info = "", text]) => ({ language, info, text }));
}
