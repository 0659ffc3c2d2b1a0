/** A class with an optional static name. */
interface NamedClass {
  readonly name?: unknown;
  readonly className?: unknown;
}

/**
 * Name of an object's class: the static `className` of the class itself, as in keepfit and
 * TensorFlow.js, or the name in the source, which a minifier changes. It is not inherited. Empty
 * for an object without a class.
 */
export function classNameOf(value: object): string {
  const { name, className } = ownNames(classOf(Object.getPrototypeOf(value)));
  return className ?? name ?? "";
}

/**
 * Whether an object is of the class with this static `className`, or of a subclass. A second copy
 * of keepfit has separate classes, so `instanceof` would fail.
 */
export function isOfClass(value: object, className: string): boolean {
  for (
    let prototype = Object.getPrototypeOf(value);
    prototype !== null;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    if (ownNames(classOf(prototype)).className === className) return true;
  }
  return false;
}

function classOf(prototype: { constructor?: unknown } | null): NamedClass | undefined {
  const made = prototype?.constructor;
  return typeof made === "function" ? made as NamedClass : undefined;
}

function ownNames(made: NamedClass | undefined): { name?: string; className?: string } {
  if (made === undefined) return {};
  return {
    name: textOf(made.name),
    className: Object.hasOwn(made, "className") ? textOf(made.className) : undefined,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
