import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as keepfit from "keepfit";
import { Callback, CallbackList, EarlyStopping, History, ProgbarLogger } from "keepfit";
import { classNameOf, isOfClass } from "./class_name.ts";

/** The class with the name that a minifier would give it. */
function minified<Class extends { readonly name: string }>(original: Class): Class {
  Object.defineProperty(original, "name", { value: "a" });
  return original;
}

describe("Class names", () => {
  it("Every exported callback class has a static className", () => {
    const classes = Object.entries(keepfit).filter(([, one]) =>
      typeof one === "function" && (one === Callback || one.prototype instanceof Callback)
    );
    assert.ok(classes.length > 15);
    for (const [name, one] of classes) {
      assert.ok(Object.hasOwn(one, "className"), name);
      assert.equal((one as typeof Callback).className, name);
    }
  });

  it("classNameOf prefers a static className to the name in the source", () => {
    class Mine extends Callback {
      static override readonly className = "Worst";
    }
    assert.equal(classNameOf(new (minified(Mine))()), "Worst");
  });

  it("classNameOf uses the source name of a subclass without its own className", () => {
    class Patient extends EarlyStopping {}
    assert.equal(classNameOf(new Patient({ monitor: "loss" })), "Patient");
    assert.equal(classNameOf(new (minified(Patient))({ monitor: "loss" })), "a");
  });

  it("classNameOf returns an empty string without a class, and ignores a className that is not text", () => {
    class Odd {
      static className = 3;
    }
    assert.equal(classNameOf(Object.create(null)), "");
    assert.equal(classNameOf(new Odd()), "Odd");
    assert.equal(classNameOf({}), "Object");
  });

  it("isOfClass recognizes subclasses and classes of another copy, but not equal names", () => {
    class Kept extends History {}
    class OtherCopy {
      static className = "History";
    }
    assert.ok(isOfClass(new Kept(), "History"));
    assert.ok(isOfClass(new OtherCopy(), "History"));
    assert.ok(!isOfClass({ name: "History", history: {}, at() {} }, "History"));
    assert.ok(!isOfClass(Object.create(null), "History"));
  });

  it("CallbackList recognizes subclasses of History and ProgbarLogger", async () => {
    class Kept extends History {
      name = "kept";
    }
    class Bar extends ProgbarLogger {}
    const kept = new Kept();
    const bar = new Bar();
    const list = new CallbackList([kept, bar], {
      addHistory: true,
      addProgbar: new ProgbarLogger(),
    });
    assert.equal(list.history, kept);
    assert.deepEqual(list.callbacks, [kept, bar]);
    await list.close();
  });
});
