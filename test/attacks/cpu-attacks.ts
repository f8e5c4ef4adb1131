export interface CpuAttack {
  readonly name: string
  readonly script: string
  /** Codes that are right besides worker.cpu-limit: where the time goes into waiting, or where what it needs does not exist here. */
  readonly also?: readonly string[]
  readonly env?: Readonly<Record<string, unknown>>
}

const run = (body: string): string => `export default async (input, env, ctx) => { ${body} }`
const wasmLoop =
  "new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11])"

/** Every way we know to burn CPU for ever. Techniques, not variations. */
export const cpuAttacks: readonly CpuAttack[] = [
  // Plain loops and loops through the event loop
  { name: "endless loop", script: run("for(;;);") },
  { name: "endless loop in a body", script: "for(;;);" },
  { name: "endless loop in an expression", script: "(() => { for(;;); })()" },
  { name: "await loop", script: run("for(;;) await 0") },
  { name: "then loop", script: run("(function f(){Promise.resolve().then(f)})(); return new Promise(()=>{})") },
  { name: "queueMicrotask loop", script: run("(function f(){queueMicrotask(f)})(); return new Promise(()=>{})") },
  {
    name: "timers that start timers",
    script: run(
      "(function f(){for(let i=0;i<3e5;i++);setTimeout(f,0);if(Math.random()<.2)setTimeout(f,0)})(); return new Promise(()=>{})",
    ),
    also: ["worker.wall-limit"],
  },
  {
    name: "interval",
    script: run("setInterval(()=>{for(let i=0;i<1e6;i++);},0); return new Promise(()=>{})"),
    also: ["worker.wall-limit"],
  },
  { name: "loop in try/catch", script: run("for(;;){try{for(;;);}catch{}}") },
  { name: "loop in finally", script: run("try{throw 1}finally{for(;;);}") },
  { name: "recursion in finally", script: run("(function f(){try{f()}finally{f()}})()") },
  { name: "generators", script: run("function*g(){for(;;)yield* h()}function*h(){yield 1} for(const x of g());") },
  { name: "async generators", script: run("async function*g(){for(;;)yield 1} for await(const x of g());") },
  { name: "labelled loops with switch", script: run("a:for(;;){switch(1){case 1:continue a}}") },
  // Builtins that V8 does not interrupt
  { name: "regular expression, nested quantifier", script: run('return /^(a+)+$/.test("a".repeat(60)+"b")') },
  { name: "regular expression, adjacent quantifiers", script: run('return /(x+x+)+y/.test("x".repeat(80))') },
  { name: "regular expression, back references", script: run('return /^(?:(a*)\\1?)*$/.test("a".repeat(60)+"b")') },
  {
    name: "sort with comparator",
    script: run("const a=Array.from({length:2e5},()=>Math.random());for(;;)a.slice().sort((x,y)=>x-y)"),
  },
  {
    name: "typed array sort",
    script: run("const a=new Float64Array(2e6).map(()=>Math.random());for(;;)a.slice().sort()"),
  },
  { name: "BigInt multiplication", script: run("let x=3n**100000n;for(;;){x=x*x;if(x>2n**4000000n)x=3n**100000n}") },
  { name: "BigInt toString", script: run("let x=(2n**800000n);for(;;)x.toString()") },
  { name: "BigInt power", script: run("for(;;)7n**300000n") },
  { name: "BigInt division", script: run("const a=7n**400000n,b=3n**200000n;for(;;)a/b") },
  { name: "BigInt parse", script: run('const s="7".repeat(1e6);for(;;)BigInt(s)') },
  {
    name: "JSON round trips",
    script: run('const o=[];for(let i=0;i<1e5;i++)o.push({a:i,b:"x"+i});for(;;)JSON.parse(JSON.stringify(o))'),
    also: ["worker.memory-limit"],
  },
  {
    name: "JSON.parse of a big text",
    script: run('const s="["+"1,".repeat(4e6)+"1]";for(;;)JSON.parse(s)'),
    also: ["worker.memory-limit"],
  },
  {
    name: "normalize",
    script: run('const s="\\u0041\\u030a".repeat(3e6);for(;;)s.normalize("NFC")'),
    also: ["worker.memory-limit"],
  },
  {
    name: "localeCompare",
    script: run('const s="\\u00e9".repeat(5e6);for(;;)s.localeCompare(s+"a","de")'),
    also: ["worker.memory-limit"],
  },
  {
    name: "toLocaleUpperCase",
    script: run('const s="\\u00df".repeat(2e6);for(;;)s.toLocaleUpperCase("tr")'),
    also: ["worker.memory-limit"],
  },
  {
    name: "repeat and split",
    script: run('for(;;)"abc".repeat(2e6).split("b").length'),
    also: ["worker.memory-limit"],
  },
  {
    name: "replace",
    script: run('const s="ab".repeat(3e6);for(;;)s.replace(/a/g,"c")'),
    also: ["worker.memory-limit"],
  },
  {
    name: "matchAll",
    script: run('const s="a,".repeat(5e5);for(;;)[...s.matchAll(/(\\w),/g)].length'),
    also: ["worker.memory-limit"],
  },
  { name: "indexOf in a big array", script: run("const a=new Array(4e6).fill(0);for(;;)a.indexOf(1)") },
  { name: "includes in a sparse array", script: run("const a=[];a[4e9]=1;a.length=4294967295;for(;;)a.includes(2)") },
  {
    name: "join of a sparse array",
    script: run('const a=[];a.length=4e8;for(;;)a.join("")'),
    also: ["worker.guest", "worker.memory-limit"],
  },
  { name: "typed array fill", script: run("for(;;)new Uint8Array(2e7).fill(1)"), also: ["worker.memory-limit"] },
  { name: "typed array indexOf", script: run("const a=new Uint8Array(5e7);for(;;)a.indexOf(1)") },
  { name: "Date.parse of a long text", script: run('const s="x".repeat(2e7);for(;;)Date.parse(s)') },
  { name: "parseFloat of a long text", script: run('const s="1".repeat(2e7);for(;;)parseFloat(s)') },
  {
    name: "Intl constructors",
    script: run('for(;;)new Intl.DateTimeFormat("ar-EG",{dateStyle:"full"}).format(new Date())'),
    also: ["worker.memory-limit"],
  },
  {
    name: "Intl.Segmenter",
    script: run(
      'const s=new Intl.Segmenter("th",{granularity:"word"});const t="ก".repeat(1e5);for(;;)[...s.segment(t)]',
    ),
    also: ["worker.memory-limit"],
  },
  {
    name: "array toString",
    script: run("const a=Array.from({length:1e6},(_, i)=>i);for(;;)a.toString()"),
    also: ["worker.memory-limit"],
  },
  { name: "structuredClone", script: run("const a=Array.from({length:1e5},(_, i)=>({i}));for(;;)structuredClone(a)") },
  {
    name: "TextDecoder",
    script: run("const d=new TextDecoder();const b=new Uint8Array(1e6).fill(0xe2);for(;;)d.decode(b)"),
  },
  { name: "URL", script: run('for(;;)new URL("http://x/"+"a/../".repeat(1e4))') },
  {
    name: "URLPattern",
    script: run('const p=new URLPattern({pathname:"/:a(a+)+b"});for(;;)p.test("http://x/"+"a".repeat(40))'),
  },
  { name: "atob and btoa", script: run('const s="x".repeat(1e6);for(;;)atob(btoa(s))'), also: ["worker.memory-limit"] },
  // Compilers
  { name: "eval loop", script: run('for(let i=0;;i++)(0,eval)("var x="+i+"+"+"1+".repeat(5e3)+"1")') },
  { name: "new Function loop", script: run('for(let i=0;;i++)new Function("return "+i+"+"+"1+".repeat(5e3)+"1")()') },
  {
    name: "RegExp compile loop",
    script: run('for(let i=0;;i++)new RegExp("(?:a{1,30}b{1,30}){1,30}"+i).test("ab".repeat(50))'),
  },
  { name: "wasm loop", script: run(`new WebAssembly.Instance(new WebAssembly.Module(${wasmLoop})).exports.f()`) },
  {
    name: "wasm loop, asynchronous compile",
    script: run(`(await WebAssembly.instantiate(${wasmLoop})).instance.exports.f()`),
  },
  {
    name: "wasm compile loop",
    script: run(`const b=${wasmLoop};for(;;)await WebAssembly.compile(b)`),
    also: ["worker.memory-limit"],
  },
  // Code that the runtime runs for the guest
  { name: "proxy traps", script: run("const p=new Proxy({},{get(t,k,r){return r[k]}});for(;;){try{p.x}catch{}}") },
  { name: "getter in the result", script: run("return {get x(){for(;;);}}") },
  { name: "toJSON in the result", script: run("return {toJSON(){for(;;);}}"), also: ["worker.not-serializable"] },
  { name: "proxy ownKeys in the result", script: run("return new Proxy({}, {ownKeys(){for(;;);}})") },
  { name: "proxy getPrototypeOf in the result", script: run("return new Proxy({}, {getPrototypeOf(){for(;;);}})") },
  { name: "thenable result", script: run("return {then(){for(;;);}}") },
  { name: "thenable that resolves with itself", script: run("return {then(done){done(this)}}") },
  { name: "getter then in the result", script: run("return {get then(){for(;;);}}") },
  {
    name: "name getter of a thrown error",
    script: run("class E extends Error{get name(){for(;;);}} throw new E('x')"),
  },
  { name: "message getter of a thrown error", script: run("throw {stack:'x',get message(){for(;;);}}") },
  {
    name: "stack getter of a thrown error",
    script: run("const e=new Error('x');Object.defineProperty(e,'stack',{get(){for(;;);}});throw e"),
  },
  {
    name: "cause getter of a thrown error",
    script: run("const e=new Error('x');Object.defineProperty(e,'cause',{get(){for(;;);}});throw e"),
  },
  {
    name: "code toString of a thrown error",
    script: run("const e=new Error('x');e.code={toString(){for(;;);}};e.name=e.code;throw e"),
    also: ["worker.guest"],
  },
  { name: "Error.prepareStackTrace", script: run("Error.prepareStackTrace=()=>{for(;;);}; throw new Error('x')") },
  {
    name: "Symbol.toPrimitive in console.log",
    script: run(
      "console.log('%s %d', {[Symbol.toPrimitive](){for(;;);}}, {[Symbol.toPrimitive](){for(;;);}}); for(;;);",
    ),
  },
  { name: "getter in console.log", script: run("console.log({get [Symbol.toStringTag](){for(;;);}}); for(;;);") },
  {
    name: "custom inspect in console.log",
    script: run("console.log({[Symbol.for('nodejs.util.inspect.custom')](){for(;;);}}); for(;;);"),
  },
  { name: "getter in console.table", script: run("console.table([{get a(){for(;;);}}]); for(;;);") },
  { name: "binding argument getter", script: run("await env.call({get x(){for(;;);}})"), env: { call: () => 1 } },
  { name: "fetch option getter", script: run("await fetch('http://localhost/', {get method(){for(;;);}})") },
  {
    name: "event listener",
    script: run("const t=new EventTarget();t.addEventListener('x',()=>{for(;;);});t.dispatchEvent(new Event('x'))"),
  },
  {
    name: "abort listener",
    script: run("const s=AbortSignal.timeout(1);s.onabort=()=>{for(;;);};return new Promise(()=>{})"),
    also: ["worker.wall-limit"],
  },
  { name: "stream pull", script: run("for await(const x of new ReadableStream({pull(c){c.enqueue(1)}}));") },
  {
    name: "species constructor",
    script: run("class P extends Promise{static get [Symbol.species](){for(;;);}} await new P((r)=>r()).then(()=>1)"),
  },
  {
    name: "promise reaction after the result",
    script: run("const p=Promise.resolve().then(()=>{});(async()=>{for(let i=0;i<20;i++)await p;for(;;);})();return 1"),
    also: ["ok"],
  },
  { name: "timer after the result", script: run("setTimeout(()=>{for(;;);},0);return 1"), also: ["ok"] },
  { name: "waitUntil", script: run("ctx.waitUntil((async()=>{await null;for(;;);})());return 1") },
  {
    name: "unhandled rejection loop",
    script: run("(function f(){Promise.reject(new Error('x'));setTimeout(f,0)})(); return new Promise(()=>{})"),
    also: ["worker.log-limit", "worker.wall-limit"],
  },
  {
    name: "FinalizationRegistry",
    script: run(
      "const r=new FinalizationRegistry(()=>{for(;;);});(function f(){for(let i=0;i<1e4;i++)r.register({},i);setTimeout(f,0)})();return new Promise(()=>{})",
    ),
    also: ["worker.wall-limit"],
  },
  // The engine keeps the targets of new WeakRefs until the turn ends, and this turn does not: memory may run out before the CPU does.
  {
    name: "WeakRef churn",
    script: run("for(;;){new WeakRef({});await 0}"),
    also: ["worker.wall-limit", "worker.memory-limit"],
  },
  // Modules
  { name: "top-level loop", script: "for(;;);\nexport default () => 1" },
  { name: "top-level await loop", script: "for(;;) await 0\nexport default () => 1" },
  {
    name: "loop after top-level await",
    script: "await new Promise((done)=>setTimeout(done,5));for(;;);\nexport default () => 1",
  },
  {
    name: "module of a dynamic import",
    script: run('await import("data:text/javascript,for(;;);")'),
    also: ["worker.guest"],
  },
  {
    name: "Atomics.wait",
    script: run("return Atomics.wait(new Int32Array(new ArrayBuffer(8)),0,0)"),
    also: ["worker.guest"],
  },
  {
    name: "Atomics.wait on wasm memory",
    script: run(
      "const m=new WebAssembly.Memory({initial:1,maximum:1,shared:true});return Atomics.wait(new Int32Array(m.buffer),0,0)",
    ),
    also: ["worker.guest", "worker.wall-limit"],
  },
  { name: "class constructor", script: "export default class { constructor(){for(;;);} run(){} }" },
  { name: "static block", script: "export default class { static { for(;;); } run(){} }" },
  { name: "getter of the exported handler", script: "export default { get run(){for(;;);} }" },
  { name: "getter of fetch in the export", script: "export default { get fetch(){for(;;);} }" },
]
