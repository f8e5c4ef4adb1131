/** A method of exports of the runtime's own: the session is over, nobody will call any more. */
export const sessionClosed: unique symbol = Symbol("sessionClosed")
