/** Objects of classes that extend this are passed as stubs of their methods, as in cloudflare:workers. */
export class RpcTarget {}
