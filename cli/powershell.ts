import { idLine, type Node, valuesByOption } from "./completion_words.ts";

/** Generate the script of PowerShell. */
export function powershell(program: string, nodes: Node[]): string {
  const choice = (word: string, type: string, tip: string): string =>
    `choice ${[word, type, tip].map(quotedForPowershell).join(" ")}`;
  const types = { argument: "ParameterValue", command: "Command", option: "ParameterName" };
  const oneOf = (name: string, choices: string[]): string =>
    `${quotedForPowershell(name)} { ${choices.join("; ")} }`;
  const options = [...valuesByOption(nodes)];
  const values = options.filter(([, values]) => values.length > 0).map(([option, values]) =>
    `    ${oneOf(option, values.map((value) => choice(value, "ParameterValue", value)))}`
  );
  const anyValue = options.filter(([, values]) => values.length === 0)
    .map(([option]) => quotedForPowershell(option)).join(", ");
  const cases = nodes.map(({ path, words, takesPlugin }) => {
    const choices = words.map(({ word, kind, description }) =>
      choice(word, types[kind], description)
    );
    return `      ${oneOf(path, takesPlugin ? [...choices, "plugins"] : choices)}`;
  });
  const paths = nodes.slice(1).map(({ path }) => quotedForPowershell(path)).join(", ");
  return `Register-ArgumentCompleter -Native -CommandName ${program} -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  function choice($word, $type, $tip) {
    [System.Management.Automation.CompletionResult]::new($word, $word, $type, $tip)
  }
  function plugins {
    $folder = (Get-Location -PSProvider FileSystem).ProviderPath
    while ($folder) {
      $lock = [System.IO.Path]::Combine($folder, 'keepfit.lock.json')
      if ([System.IO.File]::Exists($lock)) { break }
      $folder = [System.IO.Path]::GetDirectoryName($folder)
    }
    if (-not $folder) { return }
    Select-String -CaseSensitive -LiteralPath $lock -Pattern '${idLine}' |
      ForEach-Object { choice $_.Matches[0].Groups[1].Value 'ParameterValue' 'A plugin of this project.' }
  }
  $path = ''
  $before = ''
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    if ($element.Extent.EndOffset -ge $cursorPosition) { break }
    $before = "$element"
    if (@(${paths}) -ccontains "$path $before") { $path = "$path $before" }
  }
  $choices = switch -CaseSensitive ($before) {
${values.join("\n")}
    { @(${anyValue}) -ccontains $_ } {}
    default {
      switch -CaseSensitive ($path) {
${cases.map((one) => `  ${one}`).join("\n")}
      }
    }
  }
  $choices | Where-Object { $_ -and $_.CompletionText.StartsWith($wordToComplete, 'OrdinalIgnoreCase') }
}
`;
}

/** PowerShell treats typographic quotation marks like straight ones. */
function quotedForPowershell(text: string): string {
  return `'${text.replace(/['\u2018-\u201b]/g, "$&$&")}'`;
}
