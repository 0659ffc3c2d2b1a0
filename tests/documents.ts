/** Code blocks and inline commands of the documentation. */
import { readFileSync } from "node:fs";
import { listFiles, root } from "./files.ts";

/** A fenced code block. */
export interface Block {
  /** Path of the document in the repository. */
  file: string;
  /** 1-based line of its first fence. */
  line: number;
  /** Language of the block, such as `ts`; may be empty. */
  language: string;
  text: string;
  /** Reason for not running it; undefined if it is run. */
  reason?: string;
}

/** A command in a line of text. */
export interface InlineCommand {
  file: string;
  line: number;
  command: string;
  /** Reason for not running it; undefined if it is run. */
  reason?: string;
}

/** Reasons for not running some commands separately. */
const commandReasons: [commands: RegExp, reason: string][] = [
  [/\bbench\b/, "it measures for minutes; its types are checked"],
  [/ webgpu /, "Dawn is 130 MB; tests/stranger.ts --test installs it beside the clone"],
  [/\bnpm test\b|\bdeno task test\b/, "the suite, which .ci/run runs once"],
  [/\b(npm run|deno task) ok$/, "the checks, this walk and the suite"],
  [/^tensorboard /, "a Python program, which tests/journeys/tensorboard_test.ts starts"],
  [/^deno run -A$/, "the beginning of a command"],
];

/** Tests that run the blocks of a page themselves, with the servers that these need. */
const ownTests: [files: RegExp, language: string, test: string][] = [
  [/^examples\/plugins\//, "sh", "tests/journeys/plugin_readmes_test.ts"],
  [/^examples\/plugins\//, "ts", "tests/journeys/plugin_readmes_test.ts"],
  [/^docs\/hub\.md$|^docs\/plugins\.md$/, "sh", "tests/journeys/hub_page_test.ts"],
];

function reasonElsewhere(file: string, language: string): string | undefined {
  const found = ownTests.find(([files, one]) => one === language && files.test(file));
  return found && `run by ${found[2]}`;
}

/** Reason for not running a command; undefined if it is run. */
export function reasonOf(command: string): string | undefined {
  return commandReasons.find(([commands]) => commands.test(command))?.[1];
}

/** Documents with commands and code for readers. */
export const documents: string[] = listFiles().filter((path) =>
  path.endsWith(".md") && (/^(README|CONTRIBUTING)\.md$|^docs\//.test(path) ||
    /^examples\/.*README\.md$/.test(path))
);

/** Programs with commands in their first comment. */
export const examples: string[] = listFiles().filter((path) => /^examples\/\w+\.ts$/.test(path));

/**
 * The fenced blocks of a document, or of the comments of a program.
 *
 * A block with `ignore` in its fence is not run; the reason follows in brackets:
 * ` ```ts ignore (needs a Slack workspace) `.
 */
export function blocksOf(file: string): Block[] {
  return parseBlocks(readFileSync(root + file, "utf8"))
    .map((block) => ({ file, reason: reasonElsewhere(file, block.language), ...block }));
}

/** The fenced blocks of a text; those in comments without the margin of the comment. */
export function parseBlocks(text: string): Omit<Block, "file">[] {
  const fences = /^((?:\s*\*)?[ \t]*)```(.*)\n([^]*?)^\1```$/gm;
  return [...text.matchAll(fences)].map(({ 1: margin, 2: info, 3: body, index }) => {
    const [language, ...attributes] = info.trim().split(" ");
    const line = text.slice(0, index).split("\n").length;
    const lines = body.split("\n").map((one) =>
      one.startsWith(margin) ? one.slice(margin.length) : one.replace(/^\s*\*?/, "")
    );
    const block = { line, language, text: lines.join("\n") };
    if (attributes[0] !== "ignore") return block;
    return { ...block, reason: attributes.slice(1).join(" ").replace(/^\((.*)\)$/, "$1") };
  });
}

/** The commands in a document outside of its blocks: inline code that starts a program. */
export function inlineCommandsOf(file: string): InlineCommand[] {
  let isBlock = false;
  return readFileSync(root + file, "utf8").split("\n").flatMap((line, index) => {
    if (/^\s*```/.test(line)) isBlock = !isBlock;
    if (isBlock) return [];
    return [...line.matchAll(/`((?:npm|npx|node|deno|bun|bunx|bash|sh) [^`]+)`/g)]
      .map(([, command]) => ({
        file,
        line: index + 1,
        command,
        reason: reasonOf(command),
      }));
  });
}

/** The commands of a shell block, without comments. */
export function commandsOf(text: string): string[] {
  return text.replaceAll("\\\n", " ").split("\n")
    .map((line) => line.replace(/(^|\s+)#.*$/, "").trim())
    .filter((line) => line !== "");
}
