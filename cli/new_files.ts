import { manifestName } from "../plugins/manifest/format.ts";
import { version } from "../plugins/manifest/version.ts";
import type { KeepfitSource } from "./keepfit_source.ts";

/** Options of a new plugin. */
export interface NewPlugin {
  /** `owner/name`. */
  id: string;
  hooks: readonly string[];
  controls: readonly string[];
  /** Source of keepfit. */
  keepfit: KeepfitSource;
}

/** Development dependencies of a new plugin: the versions that keepfit is tested with. */
export const newDependencies = {
  "@tensorflow/tfjs": "^4.22.0",
  "@types/node": "^26.6.6",
  esbuild: "^0.28.2",
  tsx: "^4.23.15",
  typescript: "^7.0.2",
} as const;

/** The files of a new plugin by path. The plugin is complete, and its tests pass. */
export function newFiles(plugin: NewPlugin): Record<string, string> {
  return {
    [manifestName]: json(manifestOf(plugin)),
    "src/mod.ts": moduleText(plugin),
    "src/mod_test.ts": testText(plugin),
    "README.md": readmeText(plugin),
    "package.json": json(packageOf(plugin)),
    // npm would link a package from a folder, which then cannot find its dependencies.
    ...plugin.keepfit.isPublished ? {} : { ".npmrc": "install-links=true\n" },
    "deno.json": json({
      tasks: {
        test: "deno test -A src/",
        dev: "deno run -A keepfit/command dev .",
        check: "deno run -A keepfit/command check .",
        pack: "deno run -A keepfit/command pack . --bundle --out public",
      },
      ...plugin.keepfit.deno,
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

function manifestOf({ id, hooks, controls, keepfit }: NewPlugin): object {
  const [owner, name] = id.split("/");
  return {
    $schema: keepfit.schema,
    manifestVersion: 1,
    id,
    version: "0.1.0",
    title: titleOf(name),
    description: "Prints what training measures.",
    license: "MIT",
    authors: [{ name: owner }],
    engines: { core: `^${version}` },
    module: "src/mod.ts",
    callbacks: [{
      // The name of a callback is a word that begins with a letter.
      name: /^\d/.test(name) ? `plugin-${name}` : name,
      export: "default",
      hooks,
      options: {
        type: "object",
        properties: {
          every: {
            type: "integer",
            description: "Print only every n-th time.",
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
      // A resumed run keeps the restored count.
      if (!isResumed) calls = 0;
      isResumed = false;
    },`;
    }
    if (hook === "onException") return `    onException: () => print("onException", {}),`;
    if (hook === "onPredictBatchEnd") {
      return `    onPredictBatchEnd: (batch) => print(\`onPredictBatchEnd \${batch}\`, {}),`;
    }
    if (!/Epoch|Batch/.test(hook)) return `    ${hook}: (logs) => print("${hook}", logs),`;
    const index = hook.includes("Epoch") ? "epoch" : "batch";
    return `    ${hook}: (${index}, logs) => print(\`${hook} \${${index}}\`, logs),`;
  });
  const may = controls.length === 0
    ? ""
    : `\n * The manifest declares ${controls.join(", ")}: see PluginContext.\n *`;
  return `import type { CallbackLike${usesLogs ? ", Logs" : ""} } from "keepfit";
import type { PluginContext } from "keepfit/plugins";

/** Options, as callback.plugin.json describes them. */
export interface Options {
  /** Print only every n-th time. */
  every: number;
}

/**
 * Prints what training measures.
 *${may}
 * @param options checked against the manifest before this is called
 * @param context what the manifest declares
 */
export default function ${name}({ every }: Options, { log }: PluginContext): CallbackLike {
  // State is plain data, so that an interrupted run can be resumed.
  let calls = 0;
${begins ? "  let isResumed = false;\n" : ""}
  function print(hook: string, logs: ${usesLogs ? "Logs" : "object"}): void {
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
  it("passes the checks of every callback", async () => {
    const make = async () => (await loadForTest(source)).callback;
    assert.deepEqual(await checkCallback(make, { tf }), []);
  });
${
    isDriven
      ? `
  it("prints what training measures, as often as the option says", async () => {
    const often = await loadForTest(source);
    await driveEpochs(often.callback, { epochs });
    assert.ok(often.lines.length > 0);

    const seldom = await loadForTest(source, { options: { every: often.lines.length } });
    await driveEpochs(seldom.callback, { epochs });
    assert.deepEqual(seldom.lines, often.lines.slice(-1));
  });
`
      : `
  it("loads and survives a run", async () => {
    const { callback, lines } = await loadForTest(source);
    await driveEpochs(callback, { epochs });
    assert.deepEqual(lines, []);
  });
`
  }});
`;
}

function readmeText({ id, keepfit }: NewPlugin): string {
  const [, name] = id.split("/");
  const unpublished = `
keepfit is not published yet. package.json, deno.json and ${manifestName} name the folder that it
is in, \`${keepfit.name}\`: change it there when one of the two folders moves.
`;
  return `# ${titleOf(name)}

A keepfit plugin that prints what training measures.

\`\`\`ts
await fit(model, x, y, {
  callbacks: [
    await loadPlugin("https://your.host/${id}/0.1.0/${manifestName}#sha384-...", {
      options: { every: 2 },
    }),
  ],
});
\`\`\`

## Options

| option  | meaning                   | default |
| ------- | ------------------------- | ------- |
| \`every\` | print each n-th time only | 1       |

## Development

| Node            | Bun             | Deno              |                                         |
| --------------- | --------------- | ----------------- | --------------------------------------- |
| \`npm install\`   | \`bun install\`   |                   | install dependencies                    |
| \`npm test\`      | \`bun test\`      | \`deno task test\`  | run its tests                           |
| \`npm run dev\`   | \`bun run dev\`   | \`deno task dev\`   | train with it, reload it on each save   |
| \`npm run check\` | \`bun run check\` | \`deno task check\` | find what prevents publishing           |
| \`npm run pack\`  | \`bun run pack\`  | \`deno task pack\`  | write it to public/ for any static host |

\`npm test\` runs the files listed in package.json; Bun and Deno find every \`*_test.ts\`.
${keepfit.isPublished ? "" : unpublished}
${manifestName} says what the plugin may do, and why. Before you publish, add the URL of the
source to it, as \`repository\`.
`;
}

function packageOf({ id, keepfit }: NewPlugin): object {
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
    devDependencies: { ...newDependencies, keepfit: keepfit.dependency },
  };
}

function titleOf(name: string): string {
  const words = name.replaceAll("-", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** The name as a JavaScript identifier. */
function functionName(id: string): string {
  const camel = id.split("/")[1].replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
  // A name may begin with a digit or be a reserved word.
  return `${/^\d/.test(camel) ? "plugin" : ""}${camel}Callback`;
}

function json(data: object): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}
