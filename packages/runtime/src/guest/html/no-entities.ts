/** Stands for `entities/decode`: the rewriter hands out text and attributes as they are written, so nothing is decoded and no table needed. */
export const DecodingMode = {}
export const htmlDecodeTree = undefined
export const xmlDecodeTree = undefined
export class EntityDecoder {}
