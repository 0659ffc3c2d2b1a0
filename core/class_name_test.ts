import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as keepfit from "keepfit";
import { Callback, CallbackList, EarlyStopping, History, ProgbarLogger } from "keepfit";
import { classNameOf, isOfClass } from "./class_name.ts";

/** The class as a minifier leaves it. */
function minified<Class extends { readonly name: string }>(given: Class): Class {
  Object.defineProperty(given, "name", { value: "a" });
  return given;
}

describe("class names", () => {
  it("every exported class that is a callback names itself", () => {
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

  it("classNameOf names a subclass without a className of its own by its source", () => {
    class Patient extends EarlyStopping {}
    assert.equal(classNameOf(new Patient({ monitor: "loss" })), "Patient");
    assert.equal(classNameOf(new (minified(Patient))({ monitor: "loss" })), "a");
  });

  it("classNameOf is empty without a class, and takes nothing but text", () => {
    class Odd {
      static className = 3;
    }
    assert.equal(classNameOf(Object.create(null)), "");
    assert.equal(classNameOf(new Odd()), "Odd");
    assert.equal(classNameOf({}), "Object");
  });

  it("isOfClass knows subclasses and the classes of another copy, not a mere name", () => {
    class Kept extends History {}
    class OtherCopy {
      static className = "History";
    }
    assert.ok(isOfClass(new Kept(), "History"));
    assert.ok(isOfClass(new OtherCopy(), "History"));
    assert.ok(!isOfClass({ name: "History", history: {}, at() {} }, "History"));
    assert.ok(!isOfClass(Object.create(null), "History"));
  });

  it("CallbackList takes subclasses for the run's history and its bar", async () => {
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
