/** What the documentation shows: its code blocks, and the commands that it names in a line. */
import { readFileSync } from "node:fs";
import { listFiles, root } from "./files.ts";

/** A fenced code block. */
export interface Block {
  /** The document, from the repository. */
  file: string;
  /** Of its first fence, from 1. */
  line: number;
  /** For example `ts`; empty where none is named. */
  language: string;
  text: string;
  /** Why it is not run; undefined for a block that is. */
  reason?: string;
}

/** A command that stands in a line of text. */
export interface InlineCommand {
  file: string;
  line: number;
  command: string;
  /** Why it is not run; undefined for a command that is. */
  reason?: string;
}

/** Why some commands are not run one by one. */
const commandReasons: [commands: RegExp, reason: string][] = [
  [/\bbench\b/, "it measures for minutes; its types are checked"],
  [/ webgpu /, "Dawn is 130 MB; tests/stranger.ts --test installs it beside the clone"],
  [/\bnpm test\b|\bdeno task test\b/, "the suite, which .ci/run runs whole, once"],
  [/\b(npm run|deno task) ok$/, "the checks, this walk and the suite"],
  [/^tensorboard /, "a Python program, which tests/journeys/tensorboard_test.ts starts"],
  [/^deno run -A$/, "the beginning of a command, not a whole one"],
];

/** Tests that run the blocks of a page themselves, with what these talk to. */
const ownTests: [files: RegExp, language: string, test: string][] = [
  [/^examples\/plugins\//, "sh", "tests/journeys/plugin_readmes_test.ts"],
  [/^examples\/plugins\//, "ts", "tests/journeys/plugin_readmes_test.ts"],
  [/^docs\/hub\.md$|^docs\/plugins\.md$/, "sh", "tests/journeys/hub_page_test.ts"],
];

function reasonElsewhere(file: string, language: string): string | undefined {
  const found = ownTests.find(([files, one]) => one === language && files.test(file));
  return found && `run by ${found[2]}`;
}

/** Why a command is not run; undefined for one that is. */
export function reasonOf(command: string): string | undefined {
  return commandReasons.find(([commands]) => commands.test(command))?.[1];
}

/** What a reader of the repository is told to type. */
export const documents: string[] = listFiles().filter((path) =>
  path.endsWith(".md") && (/^(README|CONTRIBUTING)\.md$|^docs\//.test(path) ||
    /^examples\/.*README\.md$/.test(path))
);

/** Programs whose first comment says how to start them. */
export const examples: string[] = listFiles().filter((path) => /^examples\/\w+\.ts$/.test(path));

/**
 * The fenced blocks of a document, or of the comments of a program.
 *
 * A block whose fence says `ignore` is not run; the rest of that line says why, in brackets:
 * ` ```ts ignore (needs a Slack workspace) `.
 */
export function blocksOf(file: string): Block[] {
  return parseBlocks(readFileSync(root + file, "utf8"))
    .map((block) => ({ file, reason: reasonElsewhere(file, block.language), ...block }));
}

/** The fenced blocks of a text; those that stand in comments without the comment's margin. */
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

/** The commands in the lines of a document outside its blocks: inline code that starts a program. */
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

/** The commands of a shell block, one an item, without comments. */
export function commandsOf(text: string): string[] {
  return text.replaceAll("\\\n", " ").split("\n")
    .map((line) => line.replace(/(^|\s+)#.*$/, "").trim())
    .filter((line) => line !== "");
}
