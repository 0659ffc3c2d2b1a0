import { manifestName } from "../plugins/manifest_format.ts";
import { version } from "../plugins/version.ts";

/** What a new plugin is to be. */
export interface NewPlugin {
  /** `owner/name`. */
  id: string;
  hooks: readonly string[];
  controls: readonly string[];
}

/** What a new plugin is developed with: the versions that keepfit is tested with. */
export const newDependencies = {
  "@tensorflow/tfjs": "^4.22.0",
  "@types/node": "^26.6.6",
  esbuild: "^0.28.2",
  tsx: "^4.23.15",
  typescript: "^7.0.2",
} as const;

/** The files that a new plugin begins with, by path: whole, and its tests pass. */
export function newFiles(plugin: NewPlugin): Record<string, string> {
  return {
    [manifestName]: json(manifestOf(plugin)),
    "src/mod.ts": moduleText(plugin),
    "src/mod_test.ts": testText(plugin),
    "README.md": readmeText(plugin),
    "package.json": json(packageOf(plugin)),
    "deno.json": json({
      tasks: {
        test: "deno test -A src/",
        dev: "deno run -A npm:keepfit dev .",
        check: "deno run -A npm:keepfit check .",
        pack: "deno run -A npm:keepfit pack . --bundle --out public",
      },
      exclude: ["public"],
    }),
    "tsconfig.json": json({
      compilerOptions: {
        target: "ES2022",
        module: "NodeNext",
        lib: ["ES2023", "DOM"],
        types: ["node"],
        strict: true,
        erasableSyntaxOnly: true,
        verbatimModuleSyntax: true,
        allowImportingTsExtensions: true,
        noImplicitOverride: true,
        skipLibCheck: true,
        noEmit: true,
      },
      include: ["src"],
    }),
    ".gitignore": "node_modules/\npublic/\n.keepfit/\n",
  };
}

function manifestOf({ id, hooks, controls }: NewPlugin): object {
  const [owner, name] = id.split("/");
  return {
    manifestVersion: 1,
    id,
    version: "0.1.0",
    title: titleOf(name),
    description: "Tells the user what training measures.",
    license: "MIT",
    authors: [{ name: owner }],
    engines: { core: `^${version}` },
    module: "src/mod.ts",
    callbacks: [{
      // A callback is called by a word, which begins with a letter.
      name: /^\d/.test(name) ? `plugin-${name}` : name,
      export: "default",
      hooks,
      options: {
        type: "object",
        properties: {
          every: {
            type: "integer",
            description: "Tell each n-th time only.",
            minimum: 1,
          },
        },
        additionalProperties: false,
      },
      defaults: { every: 1 },
      controls,
      stateVersion: 1,
    }],
    sandbox: { support: "supported" },
    repository: `https://example.com/${id}`,
    stage: { name: "experimental" },
    telemetry: { kind: "none" },
  };
}

function moduleText({ id, hooks, controls }: NewPlugin): string {
  const name = functionName(id);
  const usesLogs = hooks.some((hook) => hook !== "onException" && hook !== "onTrainBegin");
  const begins = hooks.includes("onTrainBegin");
  const members = hooks.map((hook) => {
    if (hook === "onTrainBegin") {
      return `    onTrainBegin() {
      // A run that goes on where another one was interrupted keeps what it remembers.
      if (!isResumed) calls = 0;
      isResumed = false;
    },`;
    }
    if (hook === "onException") return `    onException: () => tell("onException", {}),`;
    if (hook === "onPredictBatchEnd") {
      return `    onPredictBatchEnd: (batch) => tell(\`onPredictBatchEnd \${batch}\`, {}),`;
    }
    if (!/Epoch|Batch/.test(hook)) return `    ${hook}: (logs) => tell("${hook}", logs),`;
    const index = hook.includes("Epoch") ? "epoch" : "batch";
    return `    ${hook}: (${index}, logs) => tell(\`${hook} \${${index}}\`, logs),`;
  });
  const may = controls.length === 0
    ? ""
    : `\n * The manifest lets it ${controls.join(", ")}: see PluginContext.\n *`;
  return `import type { CallbackLike${usesLogs ? ", Logs" : ""} } from "keepfit";
import type { PluginContext } from "keepfit/plugins";

/** Options, as callback.plugin.json describes them. */
export interface Options {
  /** Tell each n-th time only. */
  every: number;
}

/**
 * Tells the user what training measures.
 *${may}
 * @param options checked against the manifest before this is called
 * @param context what it may do: nothing that the manifest does not declare
 */
export default function ${name}({ every }: Options, { log }: PluginContext): CallbackLike {
  // What it remembers is plain data, so that an interrupted run can go on.
  let calls = 0;
${begins ? "  let isResumed = false;\n" : ""}
  function tell(hook: string, logs: ${usesLogs ? "Logs" : "object"}): void {
    calls++;
    if (calls % every === 0) log(\`\${hook} \${JSON.stringify(logs)}\`);
  }

  return {
${members.join("\n")}
    getState: () => ({ calls }),
    setState(state) {
      calls = state.calls as number;
${begins ? "      isResumed = true;\n" : ""}    },
  };
}
`;
}

function testText({ id, hooks }: NewPlugin): string {
  const isDriven = hooks.some((hook) => !/Predict|onException|onTrainBegin/.test(hook));
  return `import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkCallback, driveEpochs, loadForTest } from "keepfit/testing";

const source = new URL("../${manifestName}", import.meta.url);
const epochs = [{ loss: 2, val_loss: 3 }, { loss: 1, val_loss: 2 }];

describe("${id}", () => {
  it("keeps to what every callback keeps to", async () => {
    const make = async () => (await loadForTest(source)).callback;
    assert.deepEqual(await checkCallback(make, { tf }), []);
  });
${
    isDriven
      ? `
  it("tells what training measures, as often as it is asked to", async () => {
    const often = await loadForTest(source);
    await driveEpochs(often.callback, { epochs });
    assert.ok(often.lines.length > 0);

    const seldom = await loadForTest(source, { options: { every: often.lines.length } });
    await driveEpochs(seldom.callback, { epochs });
    assert.deepEqual(seldom.lines, often.lines.slice(-1));
  });
`
      : `
  it("loads, and lives through a run", async () => {
    const { callback, lines } = await loadForTest(source);
    await driveEpochs(callback, { epochs });
    assert.deepEqual(lines, []);
  });
`
  }});
`;
}

function readmeText({ id }: NewPlugin): string {
  const [, name] = id.split("/");
  return `# ${titleOf(name)}

A keepfit plugin: tells the user what training measures.

\`\`\`ts
await fit(model, x, y, {
  callbacks: [
    await loadPlugin("https://example.com/${id}/0.1.0/${manifestName}#sha384-...", {
      options: { every: 2 },
    }),
  ],
});
\`\`\`

## Options

| option  | meaning                   | default |
| ------- | ------------------------- | ------- |
| \`every\` | tell each n-th time only | 1       |

## Working on it

\`\`\`sh
npm test            # or: bun test, deno task test
npm run dev         # a running training that reloads it on each save
npm run check       # what keeps it from being published
npm run pack        # into the folder public, for any static host
\`\`\`

${manifestName} says what it may do, and why.
`;
}

function packageOf({ id }: NewPlugin): object {
  return {
    name: `keepfit-${id.replace("/", "-")}`,
    private: true,
    type: "module",
    scripts: {
      test: "node --import tsx --test src/mod_test.ts",
      dev: "keepfit dev .",
      check: "keepfit check .",
      pack: "keepfit pack . --bundle --out public",
    },
    devDependencies: { ...newDependencies, keepfit: `^${version}` },
  };
}

function titleOf(name: string): string {
  const words = name.replaceAll("-", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** The name as a word of JavaScript. */
function functionName(id: string): string {
  const camel = id.split("/")[1].replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
  // A name may begin with a digit, and may be a word of the language.
  return `${/^\d/.test(camel) ? "plugin" : ""}${camel}Callback`;
}

function json(data: object): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}
