/** A request that the admin plane does not fulfil. The message is shown to the operator. */
export class ControlRefusal extends Error {
  override readonly name = "ControlRefusal";
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413;

  constructor(status: ControlRefusal["status"], message: string) {
    super(message);
    this.status = status;
  }
}
