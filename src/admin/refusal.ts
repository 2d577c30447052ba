/** A request that the admin plane does not fulfil. The message is shown to the operator. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413;

  constructor(status: Refusal["status"], message: string) {
    super(message);
    this.status = status;
  }
}
