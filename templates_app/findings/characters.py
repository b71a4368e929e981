"""One form for characters that are written in several: full width, curly quotes, simplified Han."""

from __future__ import annotations

import unicodedata

# Traditional characters that our lists hold, and below them, in the same order, the simplified.
_TRADITIONAL = (
    "並來倉個們倫偉側備傳傷價儘償優儲兌內兩冊凍別則剛創劃劇動務勝勞勢勵勸匯區協卻厭參叢員問啟"
    "喚單嗎嘗嚐嚴囉國圍園圓圖團執場塊報壓壽夠夢夥奧奪媽孫學宮寢實寧審寬寵寶將專尋對導屆屬層島"
    "嶄帳帶師幣幫庫廚廟廠廢廣廳張強彈後徑從復徵恆惡惱愛愜態慮慶憂憑應懲懷戰戲戶掃採揚換損搖搶"
    "摯撥撲擁擇擊擋擔據擬擺攜攝敗敘數斷於時晉暢暫曆書會東條棄棧業極榮構槍樂樓標樣機檔檢檯檻櫃"
    "權欄歡歲歷歸殘殺毀氣決沒況淚淨減測準溫滅滿漲潔潤濃濟瀏灣為烏無煥煩熱燈燒營爭爺牽狀獎獨獲"
    "獻現瑪環產畢畫異當療癒瘋發盡盤監眾睏確碼礎禮禦種稱積穩窮競筆節範築簡簽籃籤糧紀約紅紋納紓"
    "級紙紛細終組結絕給統絲綁經綜維綱網緊線緣編緩練緻縣縮總績織繪繫繳繼續纖罰罷羅聖聞聯聰聲職"
    "聽脅脫腦腳腸膚膽臉臨臺與興舉舊艙艷驚莊華萬葉著蒞蓋蘋薦藍藝藥蘭處虛號蟲術衛衝補裝裡製複見"
    "規視親覺覽觀觸計訂討託訊記訪設許訴診註評詢試詩話該詳認語誠誤說課誰調談請論諮諾謝證識譜議"
    "護讀變讓讚豐豬貝負財貢貨販責貴買貸費貼貿賀資賓賞賠賢賣質賬賴賺購賽贈贊贏趕趨跡踐蹤車軌軍"
    "軟較載輕輛輪輸轉辦農這連週進遊運過達違遠適遲選遺還邊郵鄉鄰醫釋針鈔鉅銀銅銷錄錢錯鍋鍵鎖鎮"
    "鏡鐘鑑鑰鑽長門閃開閑閒間閨閱關陣陸陽隊階際隨險隱雙雜離難雲電靜韌響頁頂項順須預領頭頻題額"
    "顏願類顧顯風飄飛飯飲飼飽養餓餘館饋饗饞馬駐駕騎驗體髮鬆鬥鮮鳥麗麥麵麼黃點齊齡龍"
    "講幾絡兒綻紹嚀稅掛疊僅摺誕猶"
)
_SIMPLE = (
    "并来仓个们伦伟侧备传伤价尽偿优储兑内两册冻别则刚创划剧动务胜劳势励劝汇区协却厌参丛员问启"
    "唤单吗尝尝严啰国围园圆图团执场块报压寿够梦伙奥夺妈孙学宫寝实宁审宽宠宝将专寻对导届属层岛"
    "崭帐带师币帮库厨庙厂废广厅张强弹后径从复征恒恶恼爱惬态虑庆忧凭应惩怀战戏户扫采扬换损摇抢"
    "挚拨扑拥择击挡担据拟摆携摄败叙数断于时晋畅暂历书会东条弃栈业极荣构枪乐楼标样机档检台槛柜"
    "权栏欢岁历归残杀毁气决没况泪净减测准温灭满涨洁润浓济浏湾为乌无焕烦热灯烧营争爷牵状奖独获"
    "献现玛环产毕画异当疗愈疯发尽盘监众困确码础礼御种称积稳穷竞笔节范筑简签篮签粮纪约红纹纳纾"
    "级纸纷细终组结绝给统丝绑经综维纲网紧线缘编缓练致县缩总绩织绘系缴继续纤罚罢罗圣闻联聪声职"
    "听胁脱脑脚肠肤胆脸临台与兴举旧舱艳惊庄华万叶着莅盖苹荐蓝艺药兰处虚号虫术卫冲补装里制复见"
    "规视亲觉览观触计订讨托讯记访设许诉诊注评询试诗话该详认语诚误说课谁调谈请论谘诺谢证识谱议"
    "护读变让赞丰猪贝负财贡货贩责贵买贷费贴贸贺资宾赏赔贤卖质账赖赚购赛赠赞赢赶趋迹践踪车轨军"
    "软较载轻辆轮输转办农这连周进游运过达违远适迟选遗还边邮乡邻医释针钞巨银铜销录钱错锅键锁镇"
    "镜钟鉴钥钻长门闪开闲闲间闺阅关阵陆阳队阶际随险隐双杂离难云电静韧响页顶项顺须预领头频题额"
    "颜愿类顾显风飘飞饭饮饲饱养饿余馆馈飨馋马驻驾骑验体发松斗鲜鸟丽麦面么黄点齐龄龙"
    "讲几络儿绽绍咛税挂叠仅折诞犹"
)
_SIMPLIFIED = str.maketrans(_TRADITIONAL, _SIMPLE)

_QUOTES = str.maketrans("’‘“”\u00a0\u3000", "''\"\"  ")
# Invisible characters: they may stand within a word to hide it from a reader of lists.
INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad")


def normalise(text: str) -> str:
    """Return the text, same length, with full-width forms and curly quotes made plain."""
    return "".join(map(_plain, text.translate(_QUOTES)))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


def fold(text: str) -> str:
    """Return the text, same length, with traditional Han characters of our lists simplified."""
    return text.translate(_SIMPLIFIED)
