/** A request that the admin plane refuses. The operator sees the message. */
export class ControlRefusal extends Error {
  override readonly name = "ControlRefusal";
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413;

  constructor(status: ControlRefusal["status"], message: string) {
    super(message);
    this.status = status;
  }
}
