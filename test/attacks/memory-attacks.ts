export interface MemoryAttack {
  readonly name: string
  readonly script: string
  /** Codes that are right besides worker.memory-limit: the engine refuses by itself ("worker.guest"), or the CPU ends first. */
  readonly also?: readonly string[]
  readonly env?: Readonly<Record<string, unknown>>
}

const run = (body: string): string => `export default async (input, env, ctx) => { ${body} }`

/** Every way we know to ask for memory without end. Techniques, not variations. */
export const memoryAttacks: readonly MemoryAttack[] = [
  // The JavaScript heap
  { name: "arrays of numbers", script: run("const a=[];for(;;)a.push(new Array(1000).fill(Math.random()))") },
  { name: "linked objects", script: run("let o=null;for(;;)o={o}") },
  { name: "one array that grows", script: run("const a=[];for(let i=0;;i++)a.push(i)") },
  { name: "one big array", script: run("const a=new Array(1e8).fill(1.5);return a.length") },
  { name: "Array.from a length", script: run("return Array.from({length:2e8},(_, i)=>i).length") },
  { name: "concat doubles", script: run("let a=[1];for(;;)a=a.concat(a)"), also: ["worker.guest"] },
  { name: "spread doubles", script: run("let a=[1];for(;;)a=[...a,...a]") },
  { name: "spread of a string", script: run('const s="a".repeat(3e7);return [...s].length') },
  {
    name: "apply with a huge length",
    script: run("return Function.prototype.apply.call((...a)=>a.length,null,{length:1e8})"),
    also: ["worker.guest"],
  },
  { name: "spread arguments", script: run("return Math.max(...new Array(1e7).fill(1))"), also: ["worker.guest"] },
  { name: "Map", script: run("const m=new Map();for(let i=0;;i++)m.set(i,{i})") },
  { name: "Set", script: run('const m=new Set();for(let i=0;;i++)m.add("k"+i)') },
  { name: "WeakMap", script: run("const m=new WeakMap(),k=[];for(;;){const o={};k.push(o);m.set(o,{})}") },
  { name: "registered symbols", script: run('for(let i=0;;i++)Symbol.for("s"+i)') },
  { name: "properties of one object", script: run('const o={};for(let i=0;;i++)o["k"+i]=i') },
  {
    name: "properties of globalThis",
    script: run('for(let i=0;;i++)globalThis["k"+i]={}'),
    also: ["worker.cpu-limit"],
  },
  { name: "closures", script: run("const a=[];for(let i=0;;i++)a.push(()=>i)") },
  { name: "classes", script: run("const a=[];for(;;)a.push(class{m(){}})") },
  { name: "proxies", script: run("let p={};for(;;)p=new Proxy(p,{})") },
  { name: "prototype chain", script: run("let p={};for(;;)p=Object.create(p)") },
  {
    name: "generators",
    script: run("function*g(){yield new Array(100).fill(0)};const a=[];for(;;){const x=g();x.next();a.push(x)}"),
  },
  {
    name: "async generators",
    script: run("const a=[];for(;;){const g=(async function*(){yield 1})();g.next();a.push(g)}"),
  },
  { name: "iterator helpers", script: run("let it=[1].values();for(;;)it=it.map(x=>x)") },
  { name: "pending promises", script: run("const a=[];for(;;)a.push(new Promise(()=>{}).then(()=>{}))") },
  {
    name: "microtasks double",
    script: run("const f=()=>{Promise.resolve().then(f);Promise.resolve().then(f)};f();return new Promise(()=>{})"),
  },
  { name: "errors with stacks", script: run('const a=[];for(;;)a.push(new Error("x".repeat(1000)))') },
  { name: "dates", script: run("const a=[];for(;;)a.push(new Date())") },
  { name: "WeakRef", script: run("const a=[];for(;;){const o={};a.push(o,new WeakRef(o))}") },
  {
    name: "FinalizationRegistry",
    script: run("const r=new FinalizationRegistry(()=>{});const a=[];for(;;){const o={};a.push(o);r.register(o,1)}"),
  },
  {
    name: "sort",
    script: run("return new Array(5e6).fill(0).map(()=>({x:Math.random()})).sort((a,b)=>a.x-b.x).length"),
  },
  { name: "recursion", script: run("return (function f(n){return f(n+1)+1})(0)"), also: ["worker.guest"] },
  {
    name: "recursion with big frames",
    script: run("return (function f(...a){return f(...a,1,2,3,4)+1})(0)"),
    also: ["worker.guest", "worker.cpu-limit"],
  },
  {
    name: "stack overflow in a getter chain",
    script: run("const o={get x(){return this.x}};return o.x"),
    also: ["worker.guest"],
  },
  {
    name: "stack overflow in JSON",
    script: run("let o={};let p=o;for(let i=0;i<1e6;i++)p=p.a={};return JSON.stringify(o).length"),
    also: ["worker.guest"],
  },
  {
    name: "stack overflow in a regular expression",
    script: run('return new RegExp("(".repeat(1e5)+")".repeat(1e5)).test("")'),
    also: ["worker.guest"],
  },
  // Buffers
  { name: "one big ArrayBuffer", script: run("return new ArrayBuffer(1e9).byteLength") },
  { name: "many typed arrays", script: run("const a=[];for(;;)a.push(new Uint8Array(1e6).fill(1))") },
  { name: "small typed arrays", script: run("const a=[];for(;;)a.push(new Uint8Array(65))") },
  { name: "tiny buffers", script: run("const a=[];for(;;)a.push(new Uint8Array(8).buffer)") },
  { name: "untouched buffers", script: run("const a=[];for(;;)a.push(new ArrayBuffer(1e6))") },
  {
    name: "resizable buffers",
    script: run(
      "const a=[];for(;;){const b=new ArrayBuffer(1e6,{maxByteLength:1e8});b.resize(9e7);new Uint8Array(b).fill(1);a.push(b)}",
    ),
    also: ["worker.guest"],
  },
  {
    name: "resizable buffers by transfer",
    script: run("const a=[];for(;;){const b=new ArrayBuffer(8).transfer(9e7);new Uint8Array(b).fill(1);a.push(b)}"),
  },
  {
    name: "the native ArrayBuffer constructor",
    script: run(
      "const N=Object.getPrototypeOf(Int8Array.prototype).constructor;const B=new Uint8Array(1).buffer.constructor;const a=[];for(;;){const b=new B(1e6,{maxByteLength:1e8});b.resize(9e7);new Uint8Array(b).fill(1);a.push(b,N)}",
    ),
    also: ["worker.guest"],
  },
  {
    name: "ArrayBuffer by species",
    script: run(
      "const B=new Uint8Array(8).buffer.slice(0,1).constructor;const a=[];for(;;){const b=Reflect.construct(B,[1e6,{maxByteLength:1e8}]);b.resize(9e7);new Uint8Array(b).fill(1);a.push(b)}",
    ),
    also: ["worker.guest"],
  },
  {
    name: "SharedArrayBuffer",
    script: run("const a=[];for(;;)a.push(new Uint8Array(new SharedArrayBuffer(1e6)).fill(1))"),
    also: ["worker.guest"],
  },
  { name: "typed array from a length", script: run("return Float64Array.from({length:1e8},()=>1).length") },
  // Strings
  {
    name: "strings",
    script: run('let s="x".repeat(1e6);const a=[];for(let i=0;;i++){const t=s+i;a.push(t.replace("x","y"))}'),
  },
  { name: "string doubles", script: run('let s="x";for(;;){s=s+s;s.indexOf("y")}'), also: ["worker.guest"] },
  { name: "string repeat flattened", script: run('const s="a".repeat(5e8);return s.indexOf("b")'), also: ["ok"] },
  {
    name: "join",
    script: run('const a=new Array(1e6).fill("x".repeat(1000));return a.join("").length'),
    also: ["worker.guest"],
  },
  { name: "padEnd and toUpperCase", script: run('const a=[];for(;;)a.push("a".padEnd(5e7,"b").toUpperCase())') },
  { name: "split", script: run('return "a,".repeat(5e7).split(",").length') },
  { name: "match all", script: run('const s="a".repeat(3e7);return s.match(/a/g).length') },
  {
    name: "replace with a growing pattern",
    script: run(
      'return "a".repeat(2e7).replace(/a/g,"$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&").length',
    ),
    also: ["worker.guest"],
  },
  {
    name: "normalize grows",
    script: run('return "\\ufdfa".repeat(2e7).normalize("NFKD").length'),
    also: ["worker.guest", "worker.cpu-limit"],
  },
  {
    name: "encodeURIComponent grows",
    script: run('return encodeURIComponent("\\u20ac".repeat(3e7)).length'),
    also: ["worker.guest", "ok"],
  },
  { name: "deep JSON", script: run('return JSON.parse("[".repeat(1e7))'), also: ["worker.guest"] },
  { name: "wide JSON", script: run('return JSON.parse("["+"{},".repeat(2e7)+"1]").length') },
  {
    name: "JSON.stringify with indentation",
    script: run(
      'let o=[];for(let i=0;i<4000;i++)o=[o];return JSON.stringify(Array(2000).fill(o),null," ".repeat(10)).length',
    ),
    also: ["worker.guest", "worker.cpu-limit", "ok"],
  },
  // Numbers and expressions
  { name: "BigInt squares", script: run("let x=2n;for(;;)x=x*x"), also: ["worker.guest", "worker.cpu-limit"] },
  { name: "many BigInts", script: run("const a=[];for(let i=1n;;i++)a.push((2n**1000000n)+i)") },
  {
    name: "regular expressions",
    script: run(
      'const a=[];for(let i=0;;i++){const r=new RegExp("(?:a{1,100}b{1,100}){1,100}"+i);r.test("ab".repeat(50));a.push(r)}',
    ),
    also: ["worker.guest", "worker.cpu-limit"],
  },
  {
    name: "one big regular expression",
    script: run('return new RegExp("(?:"+"a?".repeat(2000)+"){1000}").test("a".repeat(10000))'),
    also: ["worker.guest", "worker.cpu-limit", "ok"],
  },
  {
    name: "regular expression backtracking",
    script: run('return /^(?:a|b|ab)*c/.test("ab".repeat(2e7))'),
    also: ["worker.guest", "worker.cpu-limit", "ok"],
  },
  {
    name: "eval of a big text",
    script: run('return new Function("var a;".repeat(2e7))()'),
    also: ["worker.guest", "worker.cpu-limit"],
  },
  {
    name: "eval of a big array",
    script: run('return (0,eval)("["+"1,".repeat(2e7)+"]").length'),
    also: ["worker.guest", "worker.cpu-limit"],
  },
  {
    name: "many functions",
    script: run(
      'const a=[];for(let i=0;;i++)a.push(new Function("return function(){"+("x"+i+"=1;").repeat(2000)+"}")())',
    ),
    also: ["worker.cpu-limit"],
  },
  {
    name: "template objects",
    script: run("const a=[];for(let i=0;;i++)a.push((0,eval)('(x=>x)`'+i+'${0}'.repeat(50)+'`'))"),
    also: ["worker.cpu-limit"],
  },
  // Outside the heap
  {
    name: "Intl objects",
    script: run(
      'const a=[];for(;;)a.push(new Intl.DateTimeFormat("de",{dateStyle:"full",timeZone:"Europe/Berlin"}),new Intl.NumberFormat("ar"),new Intl.Collator("zh"))',
    ),
    also: ["worker.cpu-limit"],
  },
  {
    name: "Intl.Segmenter texts",
    script: run('const a=[];const s=new Intl.Segmenter("th");for(let i=0;;i++)a.push(s.segment("x".repeat(1e6)+i))'),
  },
  {
    name: "wasm memory grows",
    script: run("const m=new WebAssembly.Memory({initial:1});for(;;){m.grow(256);new Uint8Array(m.buffer).fill(1)}"),
    also: ["worker.guest"],
  },
  {
    name: "many wasm memories",
    script: run(
      "const a=[];for(;;){const m=new WebAssembly.Memory({initial:256});new Uint8Array(m.buffer).fill(1);a.push(m)}",
    ),
  },
  {
    name: "one big wasm memory",
    script: run("const m=new WebAssembly.Memory({initial:65536});return new Uint8Array(m.buffer).fill(1).length"),
    also: ["worker.guest"],
  },
  {
    name: "wasm tables",
    script: run('const a=[];for(;;){const t=new WebAssembly.Table({initial:1e7,element:"anyfunc"});a.push(t)}'),
    also: ["worker.guest"],
  },
  {
    name: "wasm modules",
    script: run(
      "const leb=(x)=>{const o=[];do{let b=x&127;x>>>=7;if(x)b|=128;o.push(b)}while(x);return o};const n=20000;const code=[];for(let i=0;i<n;i++)code.push(5,0,65,1,26,11);const sec=(id,p)=>[id,...leb(p.length),...p];const bytes=new Uint8Array([0,97,115,109,1,0,0,0,...sec(1,[1,96,0,0]),...sec(3,[...leb(n),...new Array(n).fill(0)]),...sec(10,[...leb(n),...code])]);const a=[];for(;;)a.push(new WebAssembly.Module(bytes.slice()))",
    ),
    also: ["worker.cpu-limit"],
  },
  // Through the runtime
  {
    name: "binding arguments",
    script: run("const a=[];for(;;)a.push(env.call('x'.repeat(1e6)+a.length))"),
    env: { call: () => 1 },
    also: ["worker.guest"],
  },
  {
    name: "structuredClone",
    script: run("const a=[];const o=Array.from({length:1e4},(_, i)=>({i}));for(;;)a.push(structuredClone(o))"),
    also: ["worker.cpu-limit"],
  },
  {
    name: "blobs",
    script: run("let b=new Blob(['x'.repeat(1e6)]);for(;;)b=new Blob([b,b])"),
    also: ["worker.cpu-limit", "worker.guest"],
  },
  {
    name: "text encoder",
    script: run("const a=[];const t=new TextEncoder();for(;;)a.push(t.encode('x'.repeat(1e6)))"),
  },
  {
    name: "stream queue",
    script: run("const c=[];new ReadableStream({start(x){c.push(x)}});for(;;)c[0].enqueue(new Uint8Array(1e5))"),
  },
  {
    name: "decompression bomb",
    script: run(
      "const z=new CompressionStream('gzip');const w=z.writable.getWriter();(async()=>{const b=new Uint8Array(1e6);for(let i=0;i<600;i++)await w.write(b);await w.close()})();const packed=await new Response(z.readable).arrayBuffer();const out=new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip')));return (await out.arrayBuffer()).byteLength",
    ),
    also: ["worker.cpu-limit"],
  },
  {
    name: "timers that hold memory",
    script: run("for(;;){const x=new Array(1e4).fill(0);setTimeout(()=>x,1e6)}"),
    also: ["worker.guest"],
  },
  {
    name: "event listeners",
    script: run("const t=new EventTarget();for(let i=0;;i++)t.addEventListener('x'+i,()=>i)"),
  },
  {
    name: "headers",
    script: run("const h=new Headers();for(let i=0;;i++)h.append('x'+i,'y'.repeat(1000))"),
    also: ["worker.cpu-limit"],
  },
  {
    name: "result",
    script: run("const s='x'.repeat(1e6);return Array.from({length:2000},(_, i)=>s+i)"),
    also: ["worker.output-limit"],
  },
  { name: "thrown message", script: run("throw new Error('x'.repeat(5e8))"), also: ["worker.guest"] },
  { name: "top-level arrays", script: "const a=[];for(;;)a.push(new Array(1000).fill(1.5))\nexport default () => 1" },
]
