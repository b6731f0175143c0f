/** A reason to stop that the user can act on. Printed as it is, without a stack. */
export class Failure extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

/** Central does not take who asks for what they say they are, or lets them not do this: asking again changes nothing. */
export class Refusal extends Failure {}
