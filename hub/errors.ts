/** A version cannot be published or changed as somebody asked; the message is for them. */
export class PublishError extends Error {
  override name = "PublishError";
  /** What HTTP calls it. */
  readonly status: 400 | 401 | 403 | 404 | 409;

  /**
   * @param status what HTTP calls it
   * @param message a sentence for a person
   */
  constructor(status: PublishError["status"], message: string) {
    super(message);
    this.status = status;
  }
}
