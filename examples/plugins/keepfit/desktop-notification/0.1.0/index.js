/** Commands that show a message. The text is an argument and never passed to a shell. */
const commands = [
  { command: "notify-send", args: (title, text) => ["--app-name=keepfit", "--", title, text] },
  {
    command: "osascript",
    args: (title, text) => [
      "-e",
      "on run argv",
      "-e",
      "display notification (item 2 of argv) with title (item 1 of argv)",
      "-e",
      "end run",
      title,
      text,
    ],
  },
];

/**
 * Show a desktop notification when training ends or fails, with `notify-send` (Linux) or
 * `osascript` (macOS).
 */
export default function desktopNotification(options, context) {
  const { title, monitor, minSeconds } = options;
  let began = Date.now();

  async function show(text) {
    for (const { command, args } of commands) {
      try {
        const { code, stderr } = await context.run(command, args(title, text));
        if (code === 0) return;
        context.log(`${command} failed: ${stderr.trim() || `exit code ${code}`}`);
        return;
      } catch {
        // It is not installed; try the next one.
      }
    }
    context.log(`no notification could be shown: ${text}`);
  }

  return {
    onTrainBegin() {
      began = Date.now();
    },
    async onTrainEnd(logs) {
      const seconds = Math.round((Date.now() - began) / 1000);
      // A short training needs no notification.
      if (seconds < minSeconds) return;
      const value = logs[monitor];
      const result = value === undefined ? "" : `, ${monitor} ${Number(value).toPrecision(4)}`;
      await show(`Training has ended after ${seconds} s${result}`);
    },
    onException: (error) => show(`Training has failed: ${error?.message ?? error}`),
  };
}
