import ivm from "isolated-vm"
import { loadGuestBundle } from "./src/host/guest-bundle.ts"
const b = loadGuestBundle("dist/guest.json")
console.log("cache size", b.boot.cachedData!.copy().byteLength)
const acc:Record<string,number>={}; const N=300
const step=(n:string,f:()=>any)=>{const t=performance.now(); const r=f(); acc[n]=(acc[n]??0)+performance.now()-t; return r}
for(let k=0;k<N;k++){
 const i=step("iso",()=>new ivm.Isolate({memoryLimit:128}))
 const c=step("ctx",()=>i.createContextSync())
 const s=step("compile",()=>i.compileScriptSync(b.boot.source,{filename:"mayfly:runtime",cachedData:b.boot.cachedData}))
 if(k==0)console.log("rejected",s.cachedDataRejected)
 const f=step("run",()=>s.runSync(c,{reference:true}))
 const cb=step("callbacks",()=>[new ivm.Callback(()=>{}, {ignored:true}),new ivm.Callback(()=>null,{sync:true})])
 step("apply",()=>f.applySync(undefined,cb,{result:{reference:true}}))
 step("dispose",()=>i.dispose())
}
for(const k in acc) console.log(k,(acc[k]!/N).toFixed(3))
process.kill(process.pid,"SIGKILL")
